// Marking by mutators that allocate faster than the marker marks.

#ifndef ELEGY_SRC_MARK_ASSIST_H_
#define ELEGY_SRC_MARK_ASSIST_H_

#include "src/heap/heap_state.h"

namespace elegy::internal {

// Marks a bounded number of objects, if any are on the worklist. The caller is a mutator whose next
// answer to a round says that it has shaded.
void AssistMarking(HeapState& heap);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MARK_ASSIST_H_
