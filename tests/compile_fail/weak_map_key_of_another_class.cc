// EXPECT: cannot convert|no viable|no matching|cannot initialize
#include "elegy/elegy.h"

struct One {};
struct Two {};

absl::Status Set(elegy::WeakMap<One, int>* map, Two* two) { return map->Set(two, 1); }
