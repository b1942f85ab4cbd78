// EXPECT: deleted
#include "elegy/elegy.h"

struct Node {};

void Copy(const elegy::AtomicMember<Node>& from) { elegy::AtomicMember<Node> to = from; }
