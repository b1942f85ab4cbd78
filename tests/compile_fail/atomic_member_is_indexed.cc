// EXPECT: use of deleted function|overload resolution selected deleted operator
#include "elegy/elegy.h"

struct Row {
  elegy::AtomicMember<elegy::Array<int>> numbers;
};

auto& Second(Row& row) { return row.numbers[1]; }
