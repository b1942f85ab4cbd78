// EXPECT: a raw pointer to a class type inside a managed object is nearly always a forgotten elegy::Member
#include <optional>
#include <utility>

#include "elegy/elegy.h"

struct Node {
  std::pair<int, std::optional<Node*>> link;
};

Node* MakeNode() { return elegy::Make<Node>(); }
