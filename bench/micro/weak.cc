// Reads of weak references whose targets are alive.

#include <cstddef>
#include <cstdint>
#include <vector>

#include <benchmark/benchmark.h>

#include "bench/micro/fixture.h"
#include "bench/support/random.h"

namespace elegy::bench {
namespace {

struct WeakNode {
  WeakMember<Node> target{};
};

using WeakNodes = Array<Member<WeakNode>>;
using References = Array<Member<WeakRef<Node>>>;

References* ReferTo(Mutator& mutator, const Nodes& nodes) {
  References* references = mutator.MakeArray<Member<WeakRef<Node>>>(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    (*references)[i] = mutator.Make<WeakRef<Node>>(nodes[i].get());
  }
  return references;
}

WeakNodes* WeaklyReferTo(Mutator& mutator, const Nodes& nodes) {
  WeakNodes* weak_nodes = mutator.MakeArray<Member<WeakNode>>(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    WeakNode* weak_node = mutator.Make<WeakNode>();
    weak_node->target = nodes[i].get();
    (*weak_nodes)[i] = weak_node;
  }
  return weak_nodes;
}

// One reference over and over, in one turn.
void BM_DerefHot(benchmark::State& state) {
  AttachedHeap attached;
  const Persistent<Nodes> nodes(attached.MakeNodes(1));
  const Persistent<References> references(ReferTo(attached.mutator, *nodes));
  const WeakRef<Node>* reference = (*references)[0].get();
  for (auto _ : state) benchmark::DoNotOptimize(reference->Deref());
}
BENCHMARK(BM_DerefHot);

// Many references in random order; every pass over them is a turn.
void BM_DerefRandom(benchmark::State& state) {
  AttachedHeap attached;
  const Persistent<Nodes> nodes(attached.MakeNodes(kManyObjects));
  const Persistent<References> references(ReferTo(attached.mutator, *nodes));
  attached.mutator.EndTurn();
  const std::vector<std::uint32_t> order = RandomPermutation(kManyObjects);
  std::size_t index = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize((*references)[order[index]]->Deref());
    if (++index == kManyObjects) {
      index = 0;
      attached.mutator.EndTurn();
    }
  }
}
BENCHMARK(BM_DerefRandom);

void BM_WeakMemberGetHot(benchmark::State& state) {
  AttachedHeap attached;
  const Persistent<Nodes> nodes(attached.MakeNodes(1));
  const Persistent<WeakNodes> weak_nodes(WeaklyReferTo(attached.mutator, *nodes));
  const WeakNode* weak_node = (*weak_nodes)[0].get();
  for (auto _ : state) benchmark::DoNotOptimize(weak_node->target.Get());
}
BENCHMARK(BM_WeakMemberGetHot);

void BM_WeakMemberGetRandom(benchmark::State& state) {
  AttachedHeap attached;
  const Persistent<Nodes> nodes(attached.MakeNodes(kManyObjects));
  const Persistent<WeakNodes> weak_nodes(WeaklyReferTo(attached.mutator, *nodes));
  const std::vector<std::uint32_t> order = RandomPermutation(kManyObjects);
  std::size_t index = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize((*weak_nodes)[order[index]]->target.Get());
    if (++index == kManyObjects) index = 0;
  }
}
BENCHMARK(BM_WeakMemberGetRandom);

}  // namespace
}  // namespace elegy::bench
