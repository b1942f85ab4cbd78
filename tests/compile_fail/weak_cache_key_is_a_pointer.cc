// EXPECT: a cache does not keep its keys' objects: no slots or pointers to classes
#include "elegy/elegy.h"

struct Node {
  int value = 0;
};

elegy::WeakCache<Node*, Node>* MakeCache() { return elegy::Make<elegy::WeakCache<Node*, Node>>(); }
