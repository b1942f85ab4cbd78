// EXPECT: no matching|no viable
#include "elegy/elegy.h"

struct Node {};

auto* MakeRef() { return elegy::Make<elegy::WeakRef<Node>>(); }
