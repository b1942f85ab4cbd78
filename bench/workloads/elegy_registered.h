// What the workloads of registries share: objects, and their registration with a number each.

#ifndef ELEGY_BENCH_WORKLOADS_ELEGY_REGISTERED_H_
#define ELEGY_BENCH_WORKLOADS_ELEGY_REGISTERED_H_

#include <cstddef>
#include <cstdint>

#include <elegy/elegy.h>

#include "bench/workloads/elegy_memory.h"
#include "bench/workloads/memory.h"

namespace elegy::bench {

using PairNodes = Array<Member<PairNode<ElegyMemory>>>;
using NumberRegistry = FinalizationRegistry<std::int64_t>;

// Not inline, as RegisterAll is not: the caller's frame is to hold none of the nodes.
[[gnu::noinline]] inline PairNodes* MakePairNodes(ElegyMemory memory, std::size_t objects) {
  PairNodes* nodes = memory.mutator().MakeArray<Member<PairNode<ElegyMemory>>>(objects);
  for (std::size_t i = 0; i < objects; ++i) (*nodes)[i] = memory.Make<PairNode<ElegyMemory>>();
  return nodes;
}

// Each node with its index. Returns whether every registration succeeds.
[[gnu::noinline]] inline bool RegisterAll(NumberRegistry* registry, PairNodes* nodes) {
  bool all_ok = true;
  for (std::size_t i = 0; i < nodes->size(); ++i) {
    all_ok &= registry->Register((*nodes)[i], static_cast<std::int64_t>(i)).ok();
  }
  return all_ok;
}

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_WORKLOADS_ELEGY_REGISTERED_H_
