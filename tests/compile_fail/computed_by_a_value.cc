// EXPECT: constraint|no matching
#include "elegy/elegy.h"

struct Node {};

absl::StatusOr<int> GetOrInsert(elegy::WeakMap<Node, int>* map, Node* key) {
  return map->GetOrInsertComputed(key, 42);
}
