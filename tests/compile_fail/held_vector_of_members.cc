// EXPECT: a std container of slots cannot be traced
#include <vector>

#include "elegy/elegy.h"

struct Node {
  int value = 0;
};
using Held = std::vector<elegy::Member<Node>>;

auto* MakeRegistry() {
  return elegy::Make<elegy::FinalizationRegistry<Held>>([](const Held&) {});
}
