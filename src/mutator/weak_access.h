// Weak access by mutators beyond WeakCell: tables' entries, and Shutdown's condemned targets.

#ifndef ELEGY_SRC_MUTATOR_WEAK_ACCESS_H_
#define ELEGY_SRC_MUTATOR_WEAK_ACCESS_H_

#include "src/mutator/mutator_impl.h"

namespace elegy::internal {

// Whether Shutdown(kDeliverAll) has declared that object dead at this cycle's flip.
bool IsCondemned(const HeapState& state, const void* object);

// A resurrection has been counted: marks the target and hands it to the marker.
void Resurrect(MutatorImpl& mutator, const ObjectRef& target);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MUTATOR_WEAK_ACCESS_H_
