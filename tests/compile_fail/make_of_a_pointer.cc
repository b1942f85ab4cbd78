// EXPECT: a managed object is a class or scalar object
#include "elegy/elegy.h"

void MakePointer() { elegy::Make<int*>(); }
