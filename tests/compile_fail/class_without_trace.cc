// EXPECT: this type needs a public 'void Trace\(elegy::Visitor&\) const', or to be an aggregate
#include "elegy/elegy.h"

class Node {
 public:
  explicit Node(int value) : value_(value) {}
  int value() const { return value_; }

 private:
  int value_;
  elegy::Member<Node> next_;
};

Node* MakeNode() { return elegy::Make<Node>(1); }
