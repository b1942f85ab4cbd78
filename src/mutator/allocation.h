// Allocation's slow path, and what handshakes do to a mutator's blocks.
//
// Who may touch a block's allocated bits: its owner alone (ObjectBits). A mutator owns some blocks
// of each space it allocates in: one it claims runs of, and spares, in which it has claimed nothing
// yet. It claims a block's next free run (a stretch of clear allocated bits) by setting the bits,
// and in black allocation the mark bits too, of the whole run; then it bumps through it without any
// further notice to anyone. Cells of a claimed run that hold no object yet are, while the heap is
// marking, always marked (from handshake 2 on) or never looked at (before it, the marker has not
// begun, and candidates wait). Giving a run back clears the bits of what is left of it.

#ifndef ELEGY_SRC_MUTATOR_ALLOCATION_H_
#define ELEGY_SRC_MUTATOR_ALLOCATION_H_

#include <cstdint>

#include "src/mutator/mutator_impl.h"

namespace elegy::internal {

// Handshake 2: black allocation on.
void BlackenRuns(MutatorImpl& mutator);

// Handshake 4: black allocation off, blocks given up, white allocation from blocks of `epoch`.
void BeginEpoch(MutatorImpl& mutator, std::uint32_t epoch);

// Detaching: the same for the blocks, which other mutators may go on with.
void GiveUpBlocks(MutatorImpl& mutator);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MUTATOR_ALLOCATION_H_
