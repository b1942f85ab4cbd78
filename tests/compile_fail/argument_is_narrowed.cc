// EXPECT: an argument of Make does not fit its field, or would be narrowed: cast it
#include <cstddef>

#include "elegy/elegy.h"

struct Node {
  elegy::Member<Node> next;
  std::size_t count;
};

Node* MakeNode(int count) { return elegy::Make<Node>(nullptr, count); }
