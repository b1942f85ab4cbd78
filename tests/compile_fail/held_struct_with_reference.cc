// EXPECT: an aggregate with a reference that is not const
#include "elegy/elegy.h"

struct Log {
  int lines = 0;
};
struct Node {
  elegy::Member<Node> next;
};
struct Held {
  elegy::Member<Node> node;
  Log& log;
};

using Registry = elegy::FinalizationRegistry<Held>;

Registry* MakeRegistry() {
  return elegy::Make<Registry>([](const Held&) {});
}
