// Marking by mutators that allocate faster than the marker marks.

#ifndef ELEGY_SRC_MARK_ASSIST_H_
#define ELEGY_SRC_MARK_ASSIST_H_

#include <cstddef>

#include "src/heap/heap_state.h"

namespace elegy::internal {

// Past the goal, so many bytes that are taken cost an object to be marked: twelve of them for one
// of 48 bytes. At a quarter of the price eight mutators on two cores, which leave the marker little
// of a core, met the heap's limit before it had ended.
inline constexpr std::size_t kAssistBytes = 4;
// What is owed is marked in parts of at least so many.
inline constexpr std::size_t kAssistPart = 128;
// What a large object costs, whatever its size.
inline constexpr std::size_t kAssistObjects = 1024;

// Marks so many objects of the worklist at most. Returns whether there were any: then the caller, a
// mutator, says in its next answer to a round that it has shaded.
bool AssistMarking(HeapState& heap, std::size_t objects);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MARK_ASSIST_H_
