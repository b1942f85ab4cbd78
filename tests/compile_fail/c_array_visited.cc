// EXPECT: a C array as a field needs a std::array, or a Trace in its class
#include "elegy/elegy.h"

class Node {
 public:
  void Trace(elegy::Visitor& visitor) const { visitor.Trace(children_); }

 private:
  elegy::Member<Node> children_[2];
};

Node* MakeNode() { return elegy::Make<Node>(); }
