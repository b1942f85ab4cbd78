// EXPECT: cannot convert|invalid conversion|no viable|no matching|cannot initialize
#include "elegy/elegy.h"

auto* MakeRegistry() { return elegy::Make<elegy::FinalizationRegistry<int>>(42); }
