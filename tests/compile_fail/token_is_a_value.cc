// EXPECT: constraint|no matching
#include "elegy/elegy.h"

absl::StatusOr<bool> Unregister(elegy::FinalizationRegistry<int>* registry) {
  return registry->Unregister(42);
}
