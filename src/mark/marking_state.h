// What the markers of one heap share during a cycle.

#ifndef ELEGY_SRC_MARK_MARKING_STATE_H_
#define ELEGY_SRC_MARK_MARKING_STATE_H_

#include <vector>

#include "elegy/internal/mutex.h"
#include "elegy/internal/traced_table.h"
#include "elegy/internal/weak_cell.h"
#include "src/mark/ephemerons.h"

namespace elegy::internal {

struct MarkingState {
  PendingEphemerons ephemerons;

  // Weak cells and tables that were met in traced objects. Cells whose target was marked already
  // need no second look, for marks only grow; nor do cells of objects born black: what a mutator
  // writes into a weak cell after its scan is held by it, and so marked when the flip comes.
  void AddFound(std::vector<WeakCell*>& cells, std::vector<TracedTable*>& tables) {
    MutexLock lock(mutex);
    found_cells.insert(found_cells.end(), cells.begin(), cells.end());
    found_tables.insert(found_tables.end(), tables.begin(), tables.end());
    cells.clear();
    tables.clear();
  }

  Mutex mutex;
  std::vector<WeakCell*> found_cells ELEGY_GUARDED_BY(mutex);
  std::vector<TracedTable*> found_tables ELEGY_GUARDED_BY(mutex);
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MARK_MARKING_STATE_H_
