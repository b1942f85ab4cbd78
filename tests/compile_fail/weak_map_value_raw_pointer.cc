// EXPECT: a raw pointer to a class type inside a managed object is nearly always a forgotten elegy::Member
#include "elegy/elegy.h"

struct Node {
  int value = 0;
};

auto* MakeMap() { return elegy::Make<elegy::WeakMap<Node, Node*>>(); }
