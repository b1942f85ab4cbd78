// Allocation's slow path, and what handshakes do to a mutator's blocks.
//
// Who may touch a block's allocated bits: its owner alone (ObjectBits). A mutator owns some blocks
// of each space it allocates in: one whose cells it claims (src/mutator/claim.h), and spares, in
// which it has claimed nothing yet.

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
