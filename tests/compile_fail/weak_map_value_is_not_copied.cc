// EXPECT: a weak map's values are copied out
#include <memory>

#include "elegy/elegy.h"

struct Node {
  elegy::Member<Node> next;
};
using Map = elegy::WeakMap<Node, std::unique_ptr<int>>;

bool Has(const Map& map, const Node* key) { return map.Get(key).has_value(); }
