// EXPECT: a Persistent or WeakPersistent inside a managed object, which a cycle through it would keep for ever
#include "elegy/elegy.h"

struct Node {
  elegy::Persistent<Node> next;
};

Node* MakeNode() { return elegy::Make<Node>(); }
