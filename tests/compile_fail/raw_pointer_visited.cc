// EXPECT: a raw pointer to a class type inside a managed object is nearly always a forgotten elegy::Member
#include "elegy/elegy.h"

class Node {
 public:
  void Trace(elegy::Visitor& visitor) const { visitor.Trace(next_); }

 private:
  Node* next_ = nullptr;
};

Node* MakeNode() { return elegy::Make<Node>(); }
