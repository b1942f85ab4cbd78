// EXPECT: a std container of slots cannot be traced: use elegy::Vector or elegy::Array
#include <vector>

#include "elegy/elegy.h"

struct Node {
  std::vector<Node*> children;
};

Node* MakeNode() { return elegy::Make<Node>(); }
