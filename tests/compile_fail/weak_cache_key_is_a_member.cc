// EXPECT: a cache does not keep its keys' objects: no slots or pointers to classes
#include "elegy/elegy.h"

struct Node {
  int value = 0;
};
using Cache = elegy::WeakCache<elegy::Member<Node>, Node>;

Cache* MakeCache() { return elegy::Make<Cache>(); }
