// Marking by mutators that allocate faster than the marker marks.

#ifndef ELEGY_SRC_MARK_ASSIST_H_
#define ELEGY_SRC_MARK_ASSIST_H_

#include <cstddef>

#include "src/heap/heap_state.h"

namespace elegy::internal {

// Marks so many objects of the worklist at most. Returns whether there were any: then the caller, a
// mutator, says in its next answer to a round that it has shaded.
bool AssistMarking(HeapState& heap, std::size_t objects);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MARK_ASSIST_H_
