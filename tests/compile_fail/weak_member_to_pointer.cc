// EXPECT: cannot convert|no viable conversion
#include "elegy/elegy.h"

struct Node {};

Node* Strengthen(const elegy::WeakMember<Node>& weak) { return weak; }
