// EXPECT: no matching|no type named
#include <functional>

#include "elegy/elegy.h"

struct Node {};

absl::StatusOr<bool> Unregister(elegy::WeakSet<Node>& set, Node* token) {
  return std::invoke(&elegy::FinalizationRegistry<int>::Unregister<Node*&>, set, token);
}
