// EXPECT: a managed object is a class or scalar object; use MakeArray for arrays
#include "elegy/elegy.h"

void MakeInts() { elegy::Make<int[3]>(); }
