#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/support/clock.h"
#include "bench/support/random.h"
#include "bench/workloads/elegy_weak.h"
#include "bench/workloads/memory.h"

namespace elegy::bench {
namespace {

using Node = PairNode<ElegyMemory>;
using Nodes = Array<Member<Node>>;
using References = Array<Member<WeakRef<Node>>>;

std::uint64_t ReadAll(const References& references, const std::vector<std::uint32_t>& order) {
  std::uint64_t live = 0;
  for (const std::uint32_t index : order) {
    if (references[index]->Deref() != nullptr) ++live;
  }
  return live;
}

Persistent<Nodes> MakeNodes(ElegyMemory memory, std::size_t objects) {
  Persistent<Nodes> nodes(memory.mutator().MakeArray<Member<Node>>(objects));
  for (std::size_t i = 0; i < objects; ++i) (*nodes)[i] = memory.Make<Node>();
  return nodes;
}

double CollectSeconds(ElegyMemory memory) {
  memory.mutator().EndTurn(StackState::kNoPointers);
  const Stopwatch watch;
  memory.Collect();
  return watch.Seconds();
}

}  // namespace

void RunDeref(ElegyMemory memory, const Flags& flags, Report& report) {
  const std::size_t objects = flags.Get("objects", 1'000'000);
  const std::uint64_t passes = flags.Get("passes", 20);
  Mutator& mutator = memory.mutator();
  const Persistent<Nodes> nodes = MakeNodes(memory, objects);
  const Persistent<References> references(mutator.MakeArray<Member<WeakRef<Node>>>(objects));
  for (std::size_t i = 0; i < objects; ++i) {
    (*references)[i] = memory.Make<WeakRef<Node>>((*nodes)[i].get());
  }
  const double collect_seconds = CollectSeconds(memory);
  const std::vector<std::uint32_t> order = RandomPermutation(objects);

  std::uint64_t live = 0;
  const Stopwatch watch;
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    live += ReadAll(*references, order);
    mutator.EndTurn(StackState::kNoPointers);
  }
  report.Measured(watch.Seconds(), passes * objects);
  report.Number("collect_ms", collect_seconds * 1e3);
  report.Check(live == passes * objects, "every target is live");
}

void RunDerefPersistent(ElegyMemory memory, const Flags& flags, Report& report) {
  const std::size_t objects = flags.Get("objects", 1'000'000);
  const std::uint64_t passes = flags.Get("passes", 20);
  const Persistent<Nodes> nodes = MakeNodes(memory, objects);
  std::vector<WeakPersistent<Node>> references(objects);
  for (std::size_t i = 0; i < objects; ++i) references[i] = (*nodes)[i];
  const double collect_seconds = CollectSeconds(memory);
  const std::vector<std::uint32_t> order = RandomPermutation(objects);

  std::uint64_t live = 0;
  const Stopwatch watch;
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    for (const std::uint32_t index : order) {
      if (references[index].Get() != nullptr) ++live;
    }
  }
  report.Measured(watch.Seconds(), passes * objects);
  report.Number("collect_ms", collect_seconds * 1e3);
  report.Check(live == passes * objects, "every target is live");
}

}  // namespace elegy::bench
