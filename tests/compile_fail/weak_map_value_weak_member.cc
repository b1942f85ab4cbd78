// EXPECT: a WeakMember exists only inside a managed object
#include "elegy/elegy.h"

struct Node {
  int value = 0;
};

auto* MakeMap() { return elegy::Make<elegy::WeakMap<Node, elegy::WeakMember<Node>>>(); }
