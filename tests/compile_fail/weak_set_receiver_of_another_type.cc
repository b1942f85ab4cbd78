// EXPECT: no matching|no type named
#include <functional>

#include "elegy/elegy.h"

struct Node {};

bool Has(elegy::WeakMap<Node, int>& map, Node* key) {
  return std::invoke(&elegy::WeakSet<Node>::Has, map, key);
}
