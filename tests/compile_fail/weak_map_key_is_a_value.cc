// EXPECT: cannot convert|invalid conversion|no viable|no matching|cannot initialize
#include <string>

#include "elegy/elegy.h"

absl::Status Set(elegy::WeakMap<std::string, int>* map) { return map->Set("key", 1); }
