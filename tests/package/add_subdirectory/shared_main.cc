// A program and a shared library, both built with hidden symbols: a thread is attached in both, and
// the stores of both meet the barrier that the collector has turned on.

#include <elegy/elegy.h>
#include <elegy/testing.h>

#include <cstdio>

#include "shared.h"

namespace {

struct Numbers {
  long numbers[6] = {};
  void Trace(elegy::Visitor&) const {}
};

using Store = void (*)(Node* from, Node* to);

void StoreInProgram(Node* from, Node* to) { from->next = to; }

[[gnu::noinline]] Node* MakeTwo() {
  Node* const first = elegy::Make<Node>(nullptr, 1);
  StoreInLibrary(first, MakeInLibrary(2));
  return first;
}

// Of what a store has taken out of the graph after this thread's scan.
[[gnu::noinline]] int ValueOfTaken(elegy::Heap& heap, Store store) {
  const elegy::Persistent<Node> first = MakeTwo();
  elegy::testing::CycleStepper stepper(heap);
  stepper.AdvanceTo(elegy::testing::CycleStep::kStacksScanned);
  const elegy::WeakPersistent<Node> taken(first->next.get());
  store(first.get(), nullptr);
  stepper.FinishCycle();
  const Node* const found = taken.Get();
  return found == nullptr ? 0 : found->value;
}

// Of what only an object of the library's keeps.
[[gnu::noinline]] int ValueOfKept(elegy::Heap& heap) {
  const elegy::Persistent<Node> first = MakeInLibrary(1);
  StoreInLibrary(first.get(), MakeInLibrary(2));
  const elegy::WeakPersistent<Node> second(first->next.get());
  heap.Collect(elegy::StackState::kNoPointers);
  const Node* const found = second.Get();
  return found == nullptr ? 0 : found->value;
}

}  // namespace

int main() {
  elegy::Heap heap;
  elegy::Mutator mutator(heap);
  // First, so that types have other numbers than in a library that counted them by itself.
  elegy::Make<Numbers>();
  const int kept = ValueOfKept(heap);
  const int library = ValueOfTaken(heap, &StoreInLibrary);
  const int program = ValueOfTaken(heap, &StoreInProgram);
  std::printf("%d %d %d\n", kept, library, program);
  return kept == 2 && library == 2 && program == 2 ? 0 : 1;
}
