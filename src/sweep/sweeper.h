// Sweeping: from a cycle's marks to free cells, concurrently and lazily.
//
// Who may be where. A sweep begins once every mutator has answered handshake 4: none allocates from
// a block of the last epoch any more, none is inside a weak read that could hand out a dead object,
// and no mark bit changes. Each block is swept once, by whoever takes it from its space's unswept
// list: the collector, or a mutator that needs a block of that space. The sweeper is then the only
// one to touch the block's bits. What it does
// happens before any allocation from the block: the block reaches a mutator through the space's
// lock, or never leaves the mutator's hands. `unswept` counts down; the cycle ends at zero.
//
// Destructors of dead objects run here. Types that have one are swept by the collector alone, so
// that no allocation ever runs a program's destructor.

#ifndef ELEGY_SRC_SWEEP_SWEEPER_H_
#define ELEGY_SRC_SWEEP_SWEEPER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "src/heap/heap_state.h"

namespace elegy::internal {

// The collector's thread: sweeps everything, with what help it gets, and returns when all is swept.
// `epoch` is the number of the cycle.
struct SweepResult {
  std::uint64_t live_bytes;
  std::uint64_t reusable_bytes;  // free cells in blocks that are worth claiming
};
SweepResult SweepAll(HeapState& heap, std::uint32_t epoch);

// An allocating mutator: sweeps some blocks of the space, a bounded number. Those with free cells
// are the caller's, appended to `owned`, which has room for Space::kMostTaken.
void SweepForAllocation(HeapState& heap, Space& space, std::uint32_t epoch,
                        std::vector<std::uint32_t>& owned);

// The heap's end: runs the destructors of all objects left.
void DestroyAll(HeapState& heap);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_SWEEP_SWEEPER_H_
