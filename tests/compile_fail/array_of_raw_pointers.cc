// EXPECT: a raw pointer to a class type inside a managed object is nearly always a forgotten elegy::Member|a managed object is a class or scalar object
#include "elegy/elegy.h"

struct Node {
  int value = 0;
};

elegy::Array<Node*>* MakeNodes() { return elegy::MakeArray<Node*>(3); }
