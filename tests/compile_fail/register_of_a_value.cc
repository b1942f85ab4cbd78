// EXPECT: constraint|no matching
#include <string>

#include "elegy/elegy.h"

absl::Status Register(elegy::FinalizationRegistry<int>* registry) {
  return registry->Register(std::string("not an object"), 1);
}
