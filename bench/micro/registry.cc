// Finalization registries: registering, unregistering, and running callbacks.

#include <cstddef>
#include <cstdint>

#include <benchmark/benchmark.h>

#include "bench/micro/fixture.h"
#include "bench/support/clock.h"

namespace elegy::bench {
namespace {

using Registry = FinalizationRegistry<std::int64_t>;

// A registry whose callbacks add up what they are given.
Registry* MakeRegistry(Mutator& mutator, std::int64_t& sum) {
  return mutator.Make<Registry>([&sum](std::int64_t held) { sum += held; });
}

// A registration for each of many objects.
void BM_Register(benchmark::State& state) {
  std::int64_t sum = 0;
  AttachedHeap attached;
  const Persistent<Registry> registry(MakeRegistry(attached.mutator, sum));
  const Persistent<Nodes> nodes(attached.MakeNodes(kManyObjects));
  std::size_t index = 0;
  for (auto _ : state) {
    const absl::Status status = registry->Register((*nodes)[index], 1);
    if (!status.ok()) {
      state.SkipWithError("Register failed");
      break;
    }
    ++index;
  }
}
BENCHMARK(BM_Register)->Iterations(kManyObjects);

// The object is its own unregister token.
void BM_RegisterAndUnregister(benchmark::State& state) {
  std::int64_t sum = 0;
  AttachedHeap attached;
  const Persistent<Registry> registry(MakeRegistry(attached.mutator, sum));
  const Persistent<Nodes> nodes(attached.MakeNodes(1));
  const Member<Node>& node = (*nodes)[0];
  for (auto _ : state) {
    const absl::Status registered = registry->Register(node, 1, node);
    const absl::StatusOr<bool> unregistered = registry->Unregister(node);
    if (!registered.ok() || !unregistered.ok() || !*unregistered) {
      state.SkipWithError("Unregister failed");
      break;
    }
  }
}
BENCHMARK(BM_RegisterAndUnregister);

// Leaves `count` records queued: their objects are registered, dropped and collected.
void QueueRecords(AttachedHeap& attached, Registry& registry, std::size_t count) {
  Persistent<Nodes> nodes(attached.MakeNodes(count));
  for (std::size_t i = 0; i < count; ++i) {
    registry.Register((*nodes)[i], 1).IgnoreError();
  }
  nodes = nullptr;
  attached.heap.Collect(StackState::kNoPointers);
}

// The time of one iteration is that of running one batch of queued callbacks.
void BM_Drain(benchmark::State& state) {
  constexpr std::size_t kRecords = 100'000;
  std::int64_t sum = 0;
  AttachedHeap attached;
  const Persistent<Registry> registry(MakeRegistry(attached.mutator, sum));
  for (auto _ : state) {
    QueueRecords(attached, *registry, kRecords);
    const Stopwatch watch;
    const std::size_t delivered = attached.mutator.DrainFinalization();
    state.SetIterationTime(watch.Seconds());
    if (delivered != kRecords) {
      state.SkipWithError("a callback did not run");
      break;
    }
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kRecords));
}
BENCHMARK(BM_Drain)->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(20);

}  // namespace
}  // namespace elegy::bench
