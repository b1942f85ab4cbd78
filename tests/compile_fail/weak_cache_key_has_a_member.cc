// EXPECT: a cache does not keep its keys' objects: no slots or pointers as keys
#include "elegy/elegy.h"

struct Font {
  int id = 0;
};
struct Key {
  elegy::Member<Font> font;
  int size = 0;
};

elegy::WeakCache<Key, Font>* MakeCache() { return elegy::Make<elegy::WeakCache<Key, Font>>(); }
