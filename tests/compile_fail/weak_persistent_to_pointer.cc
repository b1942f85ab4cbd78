// EXPECT: cannot convert|no viable conversion
#include "elegy/elegy.h"

struct Node {};

Node* Strengthen(const elegy::WeakPersistent<Node>& weak) { return weak; }
