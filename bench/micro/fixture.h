// What the micro-benchmarks share: a heap with this thread attached, and objects to work on.

#ifndef ELEGY_BENCH_MICRO_FIXTURE_H_
#define ELEGY_BENCH_MICRO_FIXTURE_H_

#include <cstddef>
#include <cstdint>

#include <elegy/elegy.h>

namespace elegy::bench {

// So many objects do not fit in a cache.
inline constexpr std::size_t kManyObjects = std::size_t{1} << 20;

struct Node {
  Member<Node> next{};
  std::int64_t number = 0;
};

using Nodes = Array<Member<Node>>;

inline HeapOptions MicroHeapOptions() {
  HeapOptions options;
  options.initial_heap_bytes = std::size_t{64} << 20;
  return options;
}

// One per benchmark, so that none inherits another's garbage.
class AttachedHeap {
 public:
  AttachedHeap() : heap(MicroHeapOptions()), mutator(heap) {}

  // An array of `count` new nodes.
  [[gnu::noinline]] Nodes* MakeNodes(std::size_t count) {
    Nodes* nodes = mutator.MakeArray<Member<Node>>(count);
    for (std::size_t i = 0; i < count; ++i) (*nodes)[i] = mutator.Make<Node>();
    return nodes;
  }

  Heap heap;
  Mutator mutator;
};

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_MICRO_FIXTURE_H_
