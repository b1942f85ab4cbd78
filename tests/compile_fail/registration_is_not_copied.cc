// EXPECT: deleted|implicitly-deleted
#include "elegy/elegy.h"

elegy::Registration Copy(const elegy::Registration& from) { return from; }
