// EXPECT: a raw pointer to a class type inside a managed object is nearly always a forgotten elegy::Member
#include "elegy/elegy.h"

struct Node {
  int value = 0;
};

auto* MakeRegistry() {
  return elegy::Make<elegy::FinalizationRegistry<Node*>>([](Node*) {});
}
