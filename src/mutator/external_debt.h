// Waiting of who takes native memory faster than the collector finds it dead.
//
// Such memory, and that of weak tables and records, which only a cycle frees (also the arrays that
// have been replaced by larger ones or emptied), is told to the heap with a few words of managed
// memory for each MiB, so that its mutator hardly ever comes to the allocation's slow path, where
// it would help or wait. Who tells of a MiB, in parts or at once, while the heap is a whole cycle's
// room beyond its goal owes a wait instead: its next safepoint, or the end of its attachment, lasts
// until the running cycle has ended. A safepoint runs callbacks before, which may give back what
// lives, and after, for what the cycle has found dead. So native memory stays below the goal, that
// room, a MiB for each thread and what it tells of between two safepoints. The wait is bounded,
// because a thread may reach a safepoint with a lock held that another one waits for, so that the
// cycle cannot end.

#ifndef ELEGY_SRC_MUTATOR_EXTERNAL_DEBT_H_
#define ELEGY_SRC_MUTATOR_EXTERNAL_DEBT_H_

#include "src/mutator/mutator_impl.h"

namespace elegy::internal {

// This thread has told the heap of so much native memory. Nothing if it is not attached to it.
void OweWaitIfFarBeyondGoal(HeapState& heap, std::size_t bytes);

// At a safepoint, when what is queued has run: waits, blocked, if that is still owed. Returns
// whether it has waited.
bool AwaitOwedCycle(MutatorImpl& mutator, StackState stack);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MUTATOR_EXTERNAL_DEBT_H_
