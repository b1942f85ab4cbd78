// EXPECT: a WeakMember exists only inside a managed object
#include "elegy/elegy.h"

struct Node {
  int value = 0;
};
using Held = elegy::WeakMember<Node>;

auto* MakeRegistry() {
  return elegy::Make<elegy::FinalizationRegistry<Held>>([](const Held&) {});
}
