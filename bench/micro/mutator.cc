// What a mutator does besides allocating: polls, turns, attaching and detaching, and roots.

#include <benchmark/benchmark.h>

#include "bench/micro/fixture.h"

namespace elegy::bench {
namespace {

// With nothing to answer and nothing queued.
void BM_Safepoint(benchmark::State& state) {
  AttachedHeap attached;
  for (auto _ : state) attached.mutator.Safepoint();
}
BENCHMARK(BM_Safepoint);

// A turn that kept nothing alive.
void BM_EndTurn(benchmark::State& state) {
  AttachedHeap attached;
  for (auto _ : state) attached.mutator.EndTurn();
}
BENCHMARK(BM_EndTurn);

void BM_BlockingRegion(benchmark::State& state) {
  AttachedHeap attached;
  for (auto _ : state) {
    const BlockingRegion region(attached.mutator);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(BM_BlockingRegion);

void BM_AttachAndDetach(benchmark::State& state) {
  Heap heap(MicroHeapOptions());
  for (auto _ : state) {
    Mutator mutator(heap);
    benchmark::DoNotOptimize(&mutator);
  }
}
BENCHMARK(BM_AttachAndDetach);

// A thread that allocates once has a block to hand back.
void BM_AttachAllocateAndDetach(benchmark::State& state) {
  Heap heap(MicroHeapOptions());
  for (auto _ : state) {
    Mutator mutator(heap);
    benchmark::DoNotOptimize(mutator.Make<Node>());
  }
}
BENCHMARK(BM_AttachAllocateAndDetach);

void BM_PersistentCreateAndDestroy(benchmark::State& state) {
  AttachedHeap attached;
  Node* node = attached.mutator.Make<Node>();
  for (auto _ : state) {
    Persistent<Node> root(node);
    benchmark::DoNotOptimize(root);
  }
  KeepAlive(node);
}
BENCHMARK(BM_PersistentCreateAndDestroy);

}  // namespace
}  // namespace elegy::bench
