// EXPECT: this type needs a public 'void Trace\(elegy::Visitor&\) const'
#include "elegy/elegy.h"

class Node {
 public:
  Node() {}
  void Trace(elegy::Visitor& visitor) { visitor.Trace(next_); }

 private:
  elegy::Member<Node> next_;
};

Node* MakeNode() { return elegy::Make<Node>(); }
