// The entries of weak maps and sets: a hash table from object to value.
//
// Outside the heap, owned by a managed object (its map). Entries stand in one array, found by their
// keys' addresses, for objects never move. A table whose entries can be walked in the order of
// their insertion has them in that order, and an open-addressing index of their numbers; any other
// table of small values has each entry where its key's hash says, or after that, which spares a
// look-up one cache miss. Deleting leaves a hole; when the array is full, all entries move to
// others, equally large or doubled, so that no holes pile up.
//
// Who may be where. One lock guards everything but look-ups: FindShared takes none. It reads the
// arrays that are published, in them a number that was published after its entry was complete, and
// the entry's key; or, without an index, keys, each published after its entry was complete. A place
// in the entries is used once in the arrays' life, and arrays are freed when nobody can be reading
// in them any more (src/weak/table_arrays.h). So a look-up that runs beside a change finds what was
// there before it or after it: an entry that is erased meanwhile may still be found, with the value
// it had; one that the table has moved is found in the old arrays as it was when they were left.
// What a look-up hands out was in the table after the look-up began;
// like a slot's value it needs no barrier: if it is overwritten or erased while the heap is
// marking, it is shaded; if it was before that, its reader's stack is still to be scanned, for a
// look-up contains no safepoint. That needs values that are read as one atomic word: Members.
// Others are looked up under the lock.
//
// Keys are weak, values belong to their entry and are ephemerons: the collector marks a value once
// map and key are marked. Mutators change entries behind a barrier like a slot's: while the heap is
// marking, what a deleted or overwritten value refers to is shaded, and what an inserted one refers
// to until this mutator's stack has been scanned. Look-ups by key need no weak read: who has the
// key keeps it alive. Only a key that Heap::Shutdown has condemned is dead though held: from the
// flip on until the end of clearing it is not found and cannot be inserted. For that each look-up
// begins with the phase: in phase Idle the table is right as it stands. Iteration hands out keys
// and reads each like a weak cell.
//
// The collector walks the array by entry numbers, some entries at a time; each compaction gives the
// table a new `layout`, upon which a walk begins again; after some of those it keeps the lock to
// its end. An entry that is inserted behind a walk is what it would be if the walk had ended: its
// value is shaded, and its key lives.

#ifndef ELEGY_INTERNAL_WEAK_TABLE_H_
#define ELEGY_INTERNAL_WEAK_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "elegy/internal/mutator_core.h"
#include "elegy/internal/mutex.h"
#include "elegy/internal/traced_table.h"
#include "elegy/internal/value_ops.h"

namespace elegy::internal {

class TableArrays;
struct HeapState;
struct OrderedEntry;
struct TableEntry;

enum class EntryOrder { kInsertion, kHash };

class WeakTable final : public TracedTable {
 public:
  // Of the current mutator's heap.
  WeakTable(const ValueOps& ops, EntryOrder order);
  ~WeakTable() override;

  // Fatal, with a message, on a thread that is not attached to this heap: it answers none of its
  // handshakes.
  void CheckMutator() const;
  // The start of the key's object. Fatal, with a message, for a pointer of another heap, and where
  // CheckMutator is.
  void* KeyOf(const void* given) const;

  Mutex& mutex() ELEGY_RETURN_CAPABILITY(mutex_) { return mutex_; }

  // Where the value of the object of a key is, or null; readable until this thread's next
  // safepoint. Null is no key. Wait-free. What is read of the value must be atomic.
  const void* FindShared(const void* given) const;

  // The value of a key, or null. The next ones never run the program's code but V's moves and
  // destructors.
  void* Find(const void* key) ELEGY_REQUIRES(mutex_);
  // Before an entry is inserted. False: the key counts as dead, though the caller holds it, and is
  // to get no entry (Heap::Shutdown).
  bool MayInsert(const void* key) ELEGY_REQUIRES(mutex_);
  // Room for one more entry. Throws std::bad_alloc, also for want of room within max_heap_bytes,
  // and has then changed nothing.
  void MakeRoom() ELEGY_REQUIRES(mutex_);
  // The storage for the value of a key that is not there and may be inserted, and for which there
  // is room. The caller constructs it, by an operation that cannot fail, and then has it published.
  // The last of the two gets the same key.
  void* Insert(void* key, const void* given) ELEGY_REQUIRES(mutex_);
  void PublishInserted(void* key) ELEGY_REQUIRES(mutex_);
  bool Erase(const void* key) ELEGY_REQUIRES(mutex_);
  void EraseAll() ELEGY_REQUIRES(mutex_);

  // The barrier, before a value is overwritten in place and after it or a new one is.
  void ShadeOverwritten(const void* value) ELEGY_REQUIRES(mutex_);
  void ShadeInserted(const void* value) ELEGY_REQUIRES(mutex_);

  // How many entries have keys that are not dead. O(1), or O(entries) between a flip and the
  // clearing of this table.
  std::size_t CountLive(const MutatorCore& mutator) ELEGY_REQUIRES(mutex_);

  // In a table by insertion: the order of the first entry above `after` whose key is not dead,
  // which is kept alive by the caller's stack from now on; the address that the program gave for
  // it, and its value. 0 at the end. O(log n + holes).
  std::uint64_t NextLive(MutatorCore& mutator, std::uint64_t after, void** given, void** value)
      ELEGY_REQUIRES(mutex_);

  void Mark(TableMarker& marker) override ELEGY_EXCLUDES(mutex_);
  void MarkValueOf(void* key, Visitor& visitor) override ELEGY_EXCLUDES(mutex_);
  std::size_t ClearDead(const Liveness& liveness) override ELEGY_EXCLUDES(mutex_);

 private:
  // Relaxed: under the lock.
  TableArrays* Arrays() const { return arrays_.load(std::memory_order_relaxed); }
  // Acquire: pairs with Publish.
  TableArrays* SharedArrays() const { return arrays_.load(std::memory_order_acquire); }
  // Release: pairs with SharedArrays.
  void Publish(TableArrays* arrays) { arrays_.store(arrays, std::memory_order_release); }
  std::size_t Capacity() const;

  const void* FindSharedSlowly(const void* given) const;
  TableEntry& At(std::size_t number) ELEGY_REQUIRES(mutex_);
  OrderedEntry& OrderedAt(std::size_t number) ELEGY_REQUIRES(mutex_);
  // No entry stands there or after it.
  std::size_t End() const ELEGY_REQUIRES(mutex_);
  // In these arrays the value of a key, also of one that counts as dead, or null.
  void* FindIn(TableArrays* arrays, const void* key) const;
  void* ValueAt(TableArrays* arrays, std::size_t number) const;
  void* ValueAt(std::size_t number) ELEGY_REQUIRES(mutex_);
  void EraseAt(std::size_t index_slot, std::size_t number) ELEGY_REQUIRES(mutex_);
  void Rebuild(std::size_t capacity) ELEGY_REQUIRES(mutex_);
  void DestroyEntries() ELEGY_REQUIRES(mutex_);
  void ShrinkIfSparse() ELEGY_REQUIRES(mutex_);
  std::size_t FirstAfter(std::uint64_t order) ELEGY_REQUIRES(mutex_);

  const ValueOps& ops_;
  const EntryOrder order_;
  const std::size_t value_offset_;
  const std::size_t entry_bytes_;
  HeapState& heap_;

  Mutex mutex_;
  std::atomic<TableArrays*> arrays_;
  std::size_t used_ ELEGY_GUARDED_BY(mutex_) = 0;      // entries and holes
  std::size_t size_ ELEGY_GUARDED_BY(mutex_) = 0;      // entries
  std::size_t inserted_ ELEGY_GUARDED_BY(mutex_) = 0;  // the entry to be published
  std::uint64_t layout_ ELEGY_GUARDED_BY(mutex_) = 0;
  std::uint64_t next_order_ ELEGY_GUARDED_BY(mutex_) = 1;
};

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_WEAK_TABLE_H_
