// EXPECT: cannot convert|invalid conversion|no viable|no matching|cannot initialize
#include "elegy/elegy.h"

struct Node {};

auto* MakeRef() { return elegy::Make<elegy::WeakRef<Node>>(42); }
