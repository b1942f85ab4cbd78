// EXPECT: a WeakMember exists only inside a managed object
#include "elegy/elegy.h"

struct Node {
  int value = 0;
};
struct Held {
  int code = 0;
  elegy::WeakMember<Node> node;
};

auto* MakeRegistry() {
  return elegy::Make<elegy::FinalizationRegistry<Held>>([](const Held&) {});
}
