// Claiming cells: how a mutator gets runs of free cells of the blocks that it owns.
//
// Free are the cells whose allocated bits are clear. A mutator claims all the free cells of a word
// of bits at once, or those of several words that are wholly free: it sets their bits, and in black
// allocation their marks, first. So there is one atomic operation, which has to wait for all stores
// before it, for each word, and not for each run; where the heap is fragmented a run is one or two
// cells, and the stores before it have missed the cache. What has been claimed it bumps through,
// run by run, without any further notice to anyone.
//
// Claimed cells that hold no object yet are, while the heap is marking, always marked (from
// handshake 2 on) or never looked at (before it, the marker has not begun, and candidates wait).
// Giving a block up clears the bits of what is left.

#ifndef ELEGY_SRC_MUTATOR_CLAIM_H_
#define ELEGY_SRC_MUTATOR_CLAIM_H_

#include <cstddef>
#include <vector>

#include "src/mutator/mutator_impl.h"

namespace elegy::internal {

// Gives the space of this number its next run of cells, from the block it owns. False if that has
// no free cell left, or there is none. A short run where cells have their price, which is paid for
// each run (src/mutator/allocation.cc).
bool ClaimRun(MutatorImpl& mutator, std::size_t number, bool has_price);

// Gives back what has been claimed in the space's block and holds no object.
void GiveBackCells(MutatorImpl& mutator, std::size_t number);

// Marks it.
void BlackenCells(MutatorImpl& mutator, std::size_t number);

// Appends its cells to `cells`.
void AppendUnbuiltCells(const MutatorImpl& mutator, std::size_t number,
                        std::vector<const void*>& cells);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MUTATOR_CLAIM_H_
