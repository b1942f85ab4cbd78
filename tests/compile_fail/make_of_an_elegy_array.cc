// EXPECT: an Array is made by MakeArray
#include "elegy/elegy.h"

elegy::Array<int>* MakeNumbers() { return elegy::Make<elegy::Array<int>>(3); }
