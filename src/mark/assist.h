// Marking by mutators that allocate faster than the marker marks.

#ifndef ELEGY_SRC_MARK_ASSIST_H_
#define ELEGY_SRC_MARK_ASSIST_H_

#include "src/heap/heap_state.h"

namespace elegy::internal {

// Marks a bounded number of objects of the worklist. Returns whether there were any: then the
// caller, a mutator, says in its next answer to a round that it has shaded.
bool AssistMarking(HeapState& heap);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MARK_ASSIST_H_
