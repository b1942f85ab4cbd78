// The memory of a weak table: entries and the index that finds them, in one piece.
//
// Mutators look keys up in it without the table's lock (WeakTable::FindShared). So a table that has
// moved to other arrays must not free the old ones while somebody may still read in them. A look-up
// contains no safepoint: whoever had begun one has ended it when he answers a handshake. Arrays
// that a table has left are therefore retired, and freed after the next handshake 4 that was asked
// for afterwards. Where the mutator that moves the table is the only one attached, nobody else can
// be looking: then they are freed at once. To see that, it publishes the new arrays, then reads the
// number of mutators by a read-modify-write; an attaching mutator counts itself by one before it
// reads anything. Whichever comes second sees what the other did before the first: either the
// mutator is counted, or it sees the new arrays.
//
// Retired arrays count as taken until they are freed, and as allocated, so that a program that does
// nothing but change maps has cycles too.

#ifndef ELEGY_SRC_WEAK_TABLE_ARRAYS_H_
#define ELEGY_SRC_WEAK_TABLE_ARRAYS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "src/heap/heap_state.h"

namespace elegy::internal {

struct TableEntry {
  // Relaxed, but for Publish and a look-up: under the lock.
  void* Key() const { return key.load(std::memory_order_relaxed); }
  void ForgetKey() { key.store(nullptr, std::memory_order_relaxed); }  // as Key

  std::atomic<void*> key;  // the object's start; null: a hole
  void* given_key;         // the address that the program gave
  std::uint64_t order;     // grows with every insertion
};

class TableArrays {
 public:
  // In the index; other elements are entry numbers plus one.
  static constexpr std::uint32_t kNeverUsed = 0;
  static constexpr std::uint32_t kErased = UINT32_MAX;
  static constexpr std::size_t kNone = SIZE_MAX;

  // With room for so many entries, and an index of at least twice as many elements, a power of two.
  // Throws std::bad_alloc, also where the heap's limit is reached.
  static TableArrays* New(HeapState& heap, std::size_t capacity, std::size_t entry_bytes);
  // Of a table that nobody can look anything up in any more.
  static void Free(HeapState& heap, TableArrays* arrays);
  // Of a table that has published others, or none. As said above.
  static void Retire(HeapState& heap, TableArrays* arrays);
  // For the collector, before handshake 4 is asked for, and after all have answered.
  static TableArrays* TakeRetired(HeapState& heap);
  static void FreeAll(HeapState& heap, TableArrays* retired);

  std::size_t capacity() const { return capacity_; }
  TableEntry& At(std::size_t number) {
    return *reinterpret_cast<TableEntry*>(entries_ + number * entry_bytes_);
  }

  // Where the index has the key, or kNone. Acquire: pairs with Publish. The number stays that of
  // the key's entry as long as these arrays are the table's and nobody erases it.
  std::size_t Find(const void* key, std::uint32_t& number) {
    for (std::size_t slot = FirstSlot(key);; slot = (slot + 1) & mask_) {
      number = index_[slot].load(std::memory_order_acquire);
      if (number == kNeverUsed) return kNone;
      if (number != kErased && At(number - 1).Key() == key) return slot;
    }
  }
  // Makes an entry known, which is complete. Release: pairs with Find.
  void Publish(const void* key, std::size_t number) {
    std::size_t slot = FirstSlot(key);
    while (!IsOpen(slot)) slot = (slot + 1) & mask_;
    index_[slot].store(static_cast<std::uint32_t>(number + 1), std::memory_order_release);
  }
  // Relaxed: a look-up that still finds the number finds the entry, too.
  void Erase(std::size_t slot) { index_[slot].store(kErased, std::memory_order_relaxed); }

 private:
  TableArrays() = default;

  static std::size_t HashOf(const void* key) {
    return static_cast<std::size_t>((reinterpret_cast<std::uintptr_t>(key) >> 3) *
                                    std::uint64_t{0x9E3779B97F4A7C15}) >>
           16;
  }
  std::size_t FirstSlot(const void* key) const { return HashOf(key) & mask_; }
  bool IsOpen(std::size_t slot) const {
    const std::uint32_t number = index_[slot].load(std::memory_order_relaxed);  // the writer's own
    return number == kNeverUsed || number == kErased;
  }

  std::size_t capacity_ = 0;
  std::size_t mask_ = 0;
  std::size_t entry_bytes_ = 0;
  std::byte* entries_ = nullptr;
  std::atomic<std::uint32_t>* index_ = nullptr;
  std::size_t bytes_ = 0;
  TableArrays* next_ = nullptr;  // among the retired
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_WEAK_TABLE_ARRAYS_H_
