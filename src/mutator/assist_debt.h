// What a mutator pays for memory that it takes past the goal: it helps to mark.
//
// What has been claimed past the goal, short runs then, is paid for before more is claimed: so no
// allocation takes longer than it has to. Cells of all types count, and of blocks that were in use.

#ifndef ELEGY_SRC_MUTATOR_ASSIST_DEBT_H_
#define ELEGY_SRC_MUTATOR_ASSIST_DEBT_H_

#include <cstddef>

#include "src/mutator/mutator_impl.h"

namespace elegy::internal {

// Whether marking is under way. Not before all mutators have been scanned: see
// src/collector/cycle.cc.
inline bool MayAssist(const HeapState& state) {
  return PhaseWord::PhaseOf(state.phase.Load()) == Phase::kMarking && state.AllScanned();
}

// Whether a mutator that takes memory is to help to mark.
inline bool MustAssist(const HeapState& state) {
  return state.accounting.BeyondGoal() && MayAssist(state);
}

// Lets the collector have the core past the goal, where nobody can help.
void YieldBeyondGoal(const HeapState& state);

// Notes that a run has been claimed while MustAssist, and marks what is owed so far, if it is
// enough to be worth it.
void ChargeAssist(MutatorImpl& mutator, const AllocationRun& run);
void PayAssist(MutatorImpl& mutator);

// For a large object, at once and whatever its size.
void AssistForLarge(MutatorImpl& mutator, std::size_t bytes);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MUTATOR_ASSIST_DEBT_H_
