// Weak access by mutators beyond WeakCell: tables' entries, and condemned targets:
// those of Heap::Shutdown, and objects whose constructors have thrown.
//
// A condemned target may be held by anybody, and yet no view of it may answer with it once another
// has answered null. The views that there are at the flip answer null from then on, by the phase
// and the set of the condemned, until clearing has come to them; views that are made meanwhile are
// made empty. The set stays until handshake 4 has been answered, for who has read the phase before
// it was Idle may still ask; no safepoint lies between the two. Threads that answer no handshake
// ask under the root table's lock (src/heap/root_table.h).

#ifndef ELEGY_SRC_MUTATOR_WEAK_ACCESS_H_
#define ELEGY_SRC_MUTATOR_WEAK_ACCESS_H_

#include "src/base/chaos.h"
#include "src/mutator/mutator_impl.h"

namespace elegy::internal {

// Whether that object, named by its start, is dead from this cycle's flip on, whoever refers to it.
bool IsCondemned(const HeapState& state, const void* object);

// Whether an object that the caller holds counts as dead: if it is condemned, from the flip on
// until all views of it have been cleared. To be asked before a view is looked at; in phase Idle
// the view is right as it stands. Once it is true, no view made before the end of clearing will
// name it.
inline bool IsDeadThoughHeld(const HeapState& state, const void* object) {
  if (!PhaseWord::IsWeakClosed(state.phase.Load())) [[likely]]
    return false;
  ELEGY_CHAOS_POINT("closed, condemned not asked");
  return IsCondemned(state, object);
}

// At the scan of a mutator, which does not trace what it is constructing: notes the weak cells
// there if some may hold condemned targets.
void NoteConstructingCells(MutatorImpl& mutator);

// A resurrection has been counted: marks the target and hands it to the marker.
void Resurrect(MutatorImpl& mutator, const ObjectRef& target);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MUTATOR_WEAK_ACCESS_H_
