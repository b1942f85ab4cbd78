// EXPECT: no matching|no type named
#include <functional>

#include "elegy/elegy.h"

struct Node {};

Node* Deref(elegy::WeakSet<Node>& set) { return std::invoke(&elegy::WeakRef<Node>::Deref, set); }
