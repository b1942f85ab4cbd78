// EXPECT: deleted
#include "elegy/elegy.h"

struct Node {};

void Reassign(elegy::WeakRef<Node>& to, const elegy::WeakRef<Node>& from) { to = from; }
