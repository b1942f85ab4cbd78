// Tables outside the heap that belong to a managed object: weak maps' entries, caches' entries,
// registries' records. The collector meets them through this interface.

#ifndef ELEGY_INTERNAL_TRACED_TABLE_H_
#define ELEGY_INTERNAL_TRACED_TABLE_H_

#include <cstddef>

#include "elegy/internal/type_info.h"

namespace elegy::internal {

class TracedTable;

// What the collector offers to a table, while marking.
class TableMarker {
 public:
  virtual Visitor& visitor() = 0;
  // Whether the key has been marked. If not, the table's MarkValueOf(key) will be called once it
  // is.
  virtual bool IsMarkedOrFile(void* key, TracedTable& table) = 0;

 protected:
  ~TableMarker() = default;
};

// What it offers after the flip: which objects live.
class Liveness {
 public:
  virtual bool IsLive(const void* object) const = 0;

 protected:
  ~Liveness() = default;
};

class TracedTable {
 public:
  TracedTable() = default;
  TracedTable(const TracedTable&) = delete;
  TracedTable& operator=(const TracedTable&) = delete;

  // Visits what the table holds strongly, and every value whose key is marked. Takes the table's
  // lock for a bounded number of entries at a time.
  virtual void Mark(TableMarker& marker) = 0;
  // Visits the value of a key that has been marked meanwhile, if the entry is still there.
  virtual void MarkValueOf(void* key, Visitor& visitor) = 0;
  // Drops the entries of dead targets; returns how many. Locks like Mark.
  virtual std::size_t ClearDead(const Liveness& liveness) = 0;

 protected:
  virtual ~TracedTable() = default;
};

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_TRACED_TABLE_H_
