// Checking a cycle's result by other means (HeapOptions::verify).

#ifndef ELEGY_SRC_COLLECTOR_VERIFIER_H_
#define ELEGY_SRC_COLLECTOR_VERIFIER_H_

#include "src/heap/heap_state.h"

namespace elegy::internal {

// Just after the flip, with every mutator held: no marked object refers to an unmarked one, and no
// root does. Conservative stacks are left out: a stale word may well name a dead object. Fatal,
// with a message, if it does not hold.
void VerifyMarks(HeapState& state);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_COLLECTOR_VERIFIER_H_
