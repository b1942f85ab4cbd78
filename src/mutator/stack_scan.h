// Conservative scanning: which words of a stretch of memory may name objects of the heap.
//
// A word counts if it lies in a used block of the heap. It is not resolved here: at this moment
// other mutators may be allocating in that block. The marker resolves it after handshake 2, when
// every mutator has blackened the cells it has claimed and not yet filled, and drops words that
// name no allocated cell or a marked object: so random words never make it look at anything but
// whole objects that were allocated before their owner's scan.

#ifndef ELEGY_SRC_MUTATOR_STACK_SCAN_H_
#define ELEGY_SRC_MUTATOR_STACK_SCAN_H_

#include <vector>

#include "src/heap/heap_state.h"
#include "src/mutator/mutator_impl.h"

namespace elegy::internal {

// Appends the candidates among the words of [begin, end), aligned inwards. O(words).
void ScanWords(const HeapState& state, const void* begin, const void* end,
               std::vector<void*>& candidates);

// Appends the candidates of a mutator's stack and registers. Either the calling thread's own, or
// that of a blocked thread.
void ScanStack(MutatorImpl& mutator, std::vector<void*>& candidates);

// Notes, in the mutator, how far its stack is in use and what its registers and the frames below
// `top` hold, for a thread that is about to block in a function whose caller's frame begins at
// `top`.
void PublishStack(MutatorImpl& mutator, const void* top);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MUTATOR_STACK_SCAN_H_
