// EXPECT: this type needs a public 'void Trace\(elegy::Visitor&\) const', or to be an aggregate
#include "elegy/elegy.h"

class Node {
  void Trace(elegy::Visitor& visitor) const { visitor.Trace(next_); }
  elegy::Member<Node> next_;

 public:
  Node() = default;
};

Node* MakeNode() { return elegy::Make<Node>(); }
