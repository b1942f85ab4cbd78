// The weak cells that a mutator has written while it was constructing something.
//
// An object under construction is not traced: the scan of its mutator marks it, and whatever its
// words name. So its weak cells lose no target in that cycle, but for those that are condemned
// (src/mutator/weak_access.h): then the scan has the cells on this list cleared, too. It holds all
// cells of objects that are still under construction, and maybe some of objects that are finished
// by now.
//
// An address on the list names a weak cell, unless a constructor has put something else in its
// place since: which is the program's mistake, for a condemned target has what stands there read.
// The memory of a finished object is reused after its death, which a sweep finds, and so is that of
// an object whose constructor has failed; before each sweep, in the answer to handshake 4, the list
// is pruned.

#ifndef ELEGY_SRC_MUTATOR_CONSTRUCTING_CELLS_H_
#define ELEGY_SRC_MUTATOR_CONSTRUCTING_CELLS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "elegy/internal/mutator_core.h"

namespace elegy::internal {

class WeakCell;

class ConstructingCells {
 public:
  // `innermost`: the object that is under construction now. Amortised O(log n); O(1) where nothing
  // is constructed within a constructor. Throws std::bad_alloc, and has then added nothing.
  void Add(WeakCell& cell, const ConstructionNode& innermost);

  // Drops the cells of all objects but those that are under construction. Needs no memory.
  void Prune(const ConstructionNode* innermost) noexcept;

  void AppendTo(std::vector<WeakCell*>& cells) const;

 private:
  static constexpr std::size_t kFirstLimit = 64;

  std::vector<std::uintptr_t> cells_;  // their addresses
  std::size_t limit_ = kFirstLimit;    // when the list has so many cells, it is pruned
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MUTATOR_CONSTRUCTING_CELLS_H_
