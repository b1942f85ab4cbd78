// A program and a shared library, which is built with hidden symbols: its threads are attached
// there, too, and its stores meet the barrier that the collector has turned on.

#include <elegy/elegy.h>
#include <elegy/testing.h>

#include <cstdio>

#include "shared.h"

namespace {

// Of what a store in the library has taken out of the graph after this thread's scan.
[[gnu::noinline]] int ValueOfTaken(elegy::Heap& heap, Node* first) {
  elegy::testing::CycleStepper stepper(heap);
  stepper.AdvanceTo(elegy::testing::CycleStep::kStacksScanned);
  const elegy::WeakPersistent<Node> taken(first->next.get());
  StoreInLibrary(first, nullptr);
  stepper.FinishCycle();
  const Node* const found = taken.Get();
  return found == nullptr ? 0 : found->value;
}

[[gnu::noinline]] Node* MakeTwo() {
  Node* const first = MakeInLibrary(1);
  StoreInLibrary(first, MakeInLibrary(2));
  return first;
}

}  // namespace

int main() {
  elegy::Heap heap;
  elegy::Mutator mutator(heap);
  const elegy::Persistent<Node> first = MakeTwo();
  const int value = ValueOfTaken(heap, first.get());
  std::printf("%d\n", value);
  return value == 2 ? 0 : 1;
}
