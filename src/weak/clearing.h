// After the flip: from dead objects to cleared cells, dropped entries and queued records.
//
// Runs on the collector's thread while mutators run. Nothing here decides who is dead: the flip
// has, for all weak views at once, and weak reads answer by the same marks meanwhile (see
// elegy/internal/weak_cell.h). Cells are nulled by compare-exchange, for a mutator may be storing a
// new target; entries and records change under their table's lock.

#ifndef ELEGY_SRC_WEAK_CLEARING_H_
#define ELEGY_SRC_WEAK_CLEARING_H_

#include <cstddef>

#include "src/heap/heap_state.h"
#include "src/mark/marking_state.h"

namespace elegy::internal {

// Nulls the weak cells of dead targets, inside the heap and outside, and drops dead keys' entries.
// Returns how many cells and entries.
std::size_t ClearWeakViews(HeapState& heap, MarkingState& marking);

// Queues the records of dead targets and tells the mutators that are to run them. Every weak view
// has been cleared by then. Returns how many records.
std::size_t QueueRecords(HeapState& heap);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_WEAK_CLEARING_H_
