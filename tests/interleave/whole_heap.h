// A heap with its collector's threads, for scenarios that run whole cycles.

#ifndef ELEGY_TESTS_INTERLEAVE_WHOLE_HEAP_H_
#define ELEGY_TESTS_INTERLEAVE_WHOLE_HEAP_H_

#include <cstddef>
#include <cstdint>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "src/collector/heap_impl.h"
#include "tests/interleave/explore.h"
#include "tests/interleave/scheduler.h"
#include "tests/support/last_store.h"

namespace elegy::interleave {

// Only handles are roots: what is alive does not hang on stale words.
inline HeapOptions PreciseOptions(int marker_threads = 1) {
  HeapOptions options;
  options.max_heap_bytes = std::size_t{16} << 20;
  options.initial_heap_bytes = options.max_heap_bytes;
  options.marker_threads = marker_threads;
  options.conservative_stacks = false;
  return options;
}

class WholeHeap {
 public:
  explicit WholeHeap(const HeapOptions& options = PreciseOptions()) : heap(options) {
    internal::HeapState& state = internal::HeapImpl::Of(heap).state();
    // Figures: no step hangs on them.
    const auto* const begin = reinterpret_cast<const char*>(&state.handshake_delays);
    const auto* const end = reinterpret_cast<const char*>(&state.cells_cleared);
    Ignore(begin, static_cast<std::size_t>(end - begin));
    Ignore(&state.accounting, sizeof(state.accounting));
    for (const bool strong : {true, false}) IgnoreFreeHandles(strong);
  }

  // Nor does any on the handles of the next chunk that a scenario does not have; those that it will
  // make come first.
  void IgnoreFreeHandles(bool strong) {
    internal::RootTable& roots = *internal::HeapImpl::Of(heap).state().roots;
    internal::RootNode* const first = roots.NewNode(nullptr, strong);
    Ignore(first + kMostHandles,
           (internal::RootTable::kChunkNodes - kMostHandles) * sizeof(internal::RootNode));
    roots.FreeNode(first, /*shade=*/false);
  }

  // One cycle, by a thread that is not attached. Explored from that step on, with the others, which
  // are inside BlockingRegions until they are ready.
  void CollectFrom(testing::CycleStep step) {
    testing::CycleStepper stepper(heap);
    stepper.AdvanceTo(step);
    Ready();
    stepper.FinishCycle();
  }
  // The same, from its beginning on.
  void CollectWhenReady() {
    Ready();
    heap.Collect();
  }

  Heap heap;

 private:
  static constexpr std::size_t kMostHandles = 8;
};

inline void ReadyInRegion(Mutator& mutator) {
  BlockingRegion region(mutator);
  Ready();
}

// An object that tells when its memory is another's, or when it is destroyed twice.
class Thing {
 public:
  explicit Thing(int& destroyed) : destroyed_(destroyed) {}
  Thing(const Thing&) = delete;
  Thing& operator=(const Thing&) = delete;
  ~Thing() {
    destroyed_++;
    test::LastStore(mark_, 0);
  }

  bool IsIntact() const { return mark_ == kMark; }

 private:
  static constexpr std::uint64_t kMark = 0x5851F42D4C957F2D;

  std::uint64_t mark_ = kMark;
  int& destroyed_;
};

}  // namespace elegy::interleave

namespace elegy {
template <>
inline constexpr bool kHasNoSlots<interleave::Thing> = true;
}  // namespace elegy

#endif  // ELEGY_TESTS_INTERLEAVE_WHOLE_HEAP_H_
