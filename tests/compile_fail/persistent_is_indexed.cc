// EXPECT: use of deleted function|overload resolution selected deleted operator
#include "elegy/elegy.h"

auto& Second(const elegy::Persistent<elegy::Array<int>>& numbers) { return numbers[1]; }
