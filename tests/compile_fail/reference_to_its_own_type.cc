// EXPECT: an aggregate with a reference that is not const, or to its own, an
#include "elegy/elegy.h"

struct Node {
  elegy::Member<Node> next;
  const Node& parent;
};

Node* MakeNode(const Node& parent) { return elegy::Make<Node>(nullptr, parent); }
