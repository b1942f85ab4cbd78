// EXPECT: a cache does not keep its keys' objects: no slots or pointers to classes
#include <tuple>

#include "elegy/elegy.h"

struct Font {
  int id = 0;
};
using Key = std::tuple<int, elegy::Member<Font>>;

elegy::WeakCache<Key, Font>* MakeCache() { return elegy::Make<elegy::WeakCache<Key, Font>>(); }
