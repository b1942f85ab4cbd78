// EXPECT: a std container of slots cannot be traced: use elegy::Vector or elegy::Array
#include <map>
#include <string>

#include "elegy/elegy.h"

class Node {
 public:
  void Trace(elegy::Visitor& visitor) const { visitor.Trace(children_); }

 private:
  std::map<std::string, elegy::Member<Node>> children_;
};

Node* MakeNode() { return elegy::Make<Node>(); }
