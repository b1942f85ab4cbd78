// Stores to slots, with the write barrier off and on.
//
// The barrier is on while a cycle is held open between the scan of the stacks and the marking. What
// a store overwrites then decides its cost: an object that is marked already needs nothing more,
// one that is not goes to the marker through a buffer.

#include <cstddef>
#include <cstdint>

#include <benchmark/benchmark.h>
#include <elegy/testing.h>

#include "bench/micro/fixture.h"

namespace elegy::bench {
namespace {

constexpr std::size_t kFewSlots = 1024;

// Stores to `slots` in turn.
void StoreRoundRobin(benchmark::State& state, Nodes& slots, Node* value) {
  const std::size_t count = slots.size();
  std::size_t index = 0;
  for (auto _ : state) {
    slots[index] = value;
    if (++index == count) index = 0;
  }
  benchmark::ClobberMemory();
}

void BM_StoreBarrierOff(benchmark::State& state) {
  AttachedHeap attached;
  const Persistent<Nodes> slots(attached.MakeNodes(kFewSlots));
  StoreRoundRobin(state, *slots, attached.mutator.Make<Node>());
}
BENCHMARK(BM_StoreBarrierOff);

// Every object overwritten was made during the cycle, and so is marked.
void BM_StoreBarrierOnMarked(benchmark::State& state) {
  AttachedHeap attached;
  testing::CycleStepper stepper(attached.heap);
  stepper.AdvanceTo(testing::CycleStep::kStacksScanned);
  const Persistent<Nodes> slots(attached.MakeNodes(kFewSlots));
  StoreRoundRobin(state, *slots, attached.mutator.Make<Node>());
  stepper.FinishCycle();
}
BENCHMARK(BM_StoreBarrierOnMarked);

// Each store overwrites another object that is not marked: one pass over many slots.
void BM_StoreBarrierOnUnmarked(benchmark::State& state) {
  AttachedHeap attached;
  const Persistent<Nodes> slots(attached.MakeNodes(kManyObjects));
  testing::CycleStepper stepper(attached.heap);
  stepper.AdvanceTo(testing::CycleStep::kStacksScanned);
  StoreRoundRobin(state, *slots, attached.mutator.Make<Node>());
  stepper.FinishCycle();
}
BENCHMARK(BM_StoreBarrierOnUnmarked)->Iterations(kManyObjects);

}  // namespace
}  // namespace elegy::bench
