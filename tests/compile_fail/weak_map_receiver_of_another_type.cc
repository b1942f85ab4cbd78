// EXPECT: no matching|no type named
#include <functional>

#include "elegy/elegy.h"

struct Node {};

bool Has(elegy::WeakSet<Node>& set, Node* key) {
  return std::invoke(&elegy::WeakMap<Node, int>::Has, set, key);
}
