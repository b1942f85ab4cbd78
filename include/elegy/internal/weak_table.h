// The entries of weak maps and sets: a hash table from object to value, in insertion order.
//
// Outside the heap, owned by a managed object (its map), guarded by one lock. Entries stand in one
// array in the order of their insertion; an open-addressing index of entry numbers finds them by
// their key's address (objects never move). Deleting leaves a hole; when the array is full, it is
// compacted or doubled, and the index rebuilt, so that no tombstones pile up.
//
// Keys are weak, values belong to their entry and are ephemerons: the collector marks a value once
// map and key are marked. Mutators change entries behind a barrier like a slot's: while the heap is
// marking, what a deleted or overwritten value refers to is shaded, and what an inserted one refers
// to until this mutator's stack has been scanned. Look-ups by key need no weak read: who has the
// key keeps it alive. Iteration hands out keys and reads each like a weak cell.
//
// The collector walks the array by entry numbers, some entries at a time; each compaction gives the
// table a new `layout`, upon which a walk begins again.

#ifndef ELEGY_INTERNAL_WEAK_TABLE_H_
#define ELEGY_INTERNAL_WEAK_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "elegy/internal/mutator_core.h"
#include "elegy/internal/mutex.h"
#include "elegy/internal/table_memory.h"
#include "elegy/internal/traced_table.h"
#include "elegy/internal/value_ops.h"

namespace elegy::internal {

struct HeapState;

class WeakTable final : public TracedTable {
 public:
  // Of the current mutator's heap.
  explicit WeakTable(const ValueOps& ops);
  ~WeakTable() override;

  struct Entry {
    void* key;            // the object's start; null: a hole
    void* given_key;      // the address that the program gave
    std::uint64_t order;  // grows with every insertion
  };

  // The start of the key's object. Fatal, with a message, for a pointer of another heap.
  static void* KeyOf(const void* given);

  Mutex& mutex() ELEGY_RETURN_CAPABILITY(mutex_) { return mutex_; }

  // The value of a key, or null. The next ones never run the program's code but V's moves and
  // destructors.
  void* Find(const void* key) ELEGY_REQUIRES(mutex_);
  // Room for one more entry. Throws std::bad_alloc, also for want of room within max_heap_bytes,
  // and has then changed nothing.
  void MakeRoom() ELEGY_REQUIRES(mutex_);
  // The storage for the value of a key that is not there, and for which there is room; the caller
  // constructs it, by an operation that cannot fail.
  void* Insert(void* key, const void* given) ELEGY_REQUIRES(mutex_);
  bool Erase(const void* key) ELEGY_REQUIRES(mutex_);
  void EraseAll() ELEGY_REQUIRES(mutex_);

  // The barrier, before a value is overwritten in place and after it or a new one is.
  void ShadeOverwritten(const void* value) ELEGY_REQUIRES(mutex_);
  void ShadeInserted(const void* value) ELEGY_REQUIRES(mutex_);

  // How many entries have keys that are not dead. O(1), or O(entries) between a flip and the
  // clearing of this table.
  std::size_t CountLive(const MutatorCore& mutator) ELEGY_REQUIRES(mutex_);

  // The first entry with an order above `after` whose key is not dead, which is kept alive by the
  // caller's stack from now on; its value in *value. Null at the end. O(log n + holes).
  const Entry* NextLive(MutatorCore& mutator, std::uint64_t after, void** value)
      ELEGY_REQUIRES(mutex_);
  // No entry has been inserted after this order so far.
  std::uint64_t LastOrder() ELEGY_REQUIRES(mutex_) { return next_order_ - 1; }

  void Mark(TableMarker& marker) override ELEGY_EXCLUDES(mutex_);
  void MarkValueOf(void* key, Visitor& visitor) override ELEGY_EXCLUDES(mutex_);
  std::size_t ClearDead(const Liveness& liveness) override ELEGY_EXCLUDES(mutex_);

 private:
  using Index = std::vector<std::uint32_t, TableAllocator<std::uint32_t>>;

  Entry& At(std::size_t number) ELEGY_REQUIRES(mutex_) {
    return *reinterpret_cast<Entry*>(entries_ + number * entry_bytes_);
  }
  void* ValueAt(std::size_t number) ELEGY_REQUIRES(mutex_) {
    return entries_ + number * entry_bytes_ + value_offset_;
  }
  std::size_t IndexSlotOf(const void* key) ELEGY_REQUIRES(mutex_);
  void EraseAt(std::size_t index_slot) ELEGY_REQUIRES(mutex_);
  void Rebuild(std::size_t capacity) ELEGY_REQUIRES(mutex_);
  void FreeArray() ELEGY_REQUIRES(mutex_);
  void DestroyEntries() ELEGY_REQUIRES(mutex_);
  void ShrinkIfSparse() ELEGY_REQUIRES(mutex_);
  std::size_t FirstAfter(std::uint64_t order) ELEGY_REQUIRES(mutex_);

  const ValueOps& ops_;
  const std::size_t value_offset_;
  const std::size_t entry_bytes_;
  HeapState& heap_;

  Mutex mutex_;
  std::byte* entries_ ELEGY_GUARDED_BY(mutex_) = nullptr;
  std::size_t capacity_ ELEGY_GUARDED_BY(mutex_) = 0;  // entries that there is room for
  std::size_t used_ ELEGY_GUARDED_BY(mutex_) = 0;      // entries and holes
  std::size_t size_ ELEGY_GUARDED_BY(mutex_) = 0;      // entries
  std::uint64_t layout_ ELEGY_GUARDED_BY(mutex_) = 0;
  std::uint64_t next_order_ ELEGY_GUARDED_BY(mutex_) = 1;
  // Entry numbers plus one; 0: never used; kErased: used once. A power of two, at least twice the
  // entries' capacity.
  Index index_ ELEGY_GUARDED_BY(mutex_);
};

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_WEAK_TABLE_H_
