// A weak target in a table outside the heap, read and cleared under the table's lock.

#ifndef ELEGY_INTERNAL_WEAK_ENTRY_H_
#define ELEGY_INTERNAL_WEAK_ENTRY_H_

#include <cstddef>

#include "elegy/internal/traced_table.h"

namespace elegy::internal {

struct HeapState;

class WeakEntry {
 public:
  // Before an entry of this table is given a target of the current mutator's heap, held by the
  // caller; fatal, with a message, if of another. False: the target counts as dead nevertheless,
  // and is to get no entry (Heap::Shutdown).
  static bool MayHold(void* target, TracedTable& table);
  void Set(void* target) { target_ = target; }
  // The target, kept alive by the caller's stack, or null once it is dead.
  void* Read() const;
  // Whether Read would return null; resurrects nothing.
  bool IsDead() const;
  // Whether some entries of this heap may be dead and not yet cleared.
  static bool MayBeDying();

  // For the collector, after the flip.
  bool IsDeadFor(const Liveness& liveness) const { return !liveness.IsLive(target_); }

 private:
  void* target_ = nullptr;
};

// Runs a full cycle, to make room for an entry, and keeps its target and table. A safepoint. Throws
// std::bad_alloc.
void CollectForEntry(const void* target, const void* table);

// What a table takes of its heap's max_heap_bytes. Made on a mutator of that heap.
class TableBytes {
 public:
  TableBytes();
  TableBytes(const TableBytes&) = delete;
  TableBytes& operator=(const TableBytes&) = delete;
  ~TableBytes();

  // Fatal, with a message, on a thread that is not attached to that heap.
  void CheckMutator() const;
  // Throws std::bad_alloc if there is no room.
  void Take(std::size_t bytes);
  void Give(std::size_t bytes);

 private:
  HeapState& heap_;
  std::size_t bytes_ = 0;
};

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_WEAK_ENTRY_H_
