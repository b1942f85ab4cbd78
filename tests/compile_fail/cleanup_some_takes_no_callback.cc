// EXPECT: cannot convert|invalid (user-defined )?conversion|no viable|no matching|cannot initialize
#include "elegy/elegy.h"

auto CleanupSome(elegy::FinalizationRegistry<int>* registry) {
  return registry->CleanupSome([](int) {});
}
