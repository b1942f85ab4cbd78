// The memory of a weak table, in one piece: entries, and the index that finds them if they stand in
// the order of their insertion.
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
// Arrays count as taken until they are freed; a program that does nothing but make and change maps
// has cycles too, when these have grown (HeapState::TakeNative).
//
// All tables without entries share one empty TableArrays, which is never retired.

#ifndef ELEGY_SRC_WEAK_TABLE_ARRAYS_H_
#define ELEGY_SRC_WEAK_TABLE_ARRAYS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "elegy/internal/weak_table.h"
#include "src/heap/heap_state.h"

namespace elegy::internal {

struct TableEntry {
  // Of the table's arrays as they are under its lock. Relaxed, therefore.
  void* Key() const {
    void* const found = key.load(std::memory_order_relaxed);
    return found == Forgotten() ? nullptr : found;
  }
  void ForgetKey() { key.store(Forgotten(), std::memory_order_relaxed); }  // as Key
  // No object's address.
  static void* Forgotten() { return const_cast<char*>(&kForgotten); }
  static constexpr char kForgotten = 0;

  std::atomic<void*> key{nullptr};  // the object's start; null: never used
};

struct OrderedEntry : TableEntry {
  OrderedEntry(void* start, void* given, std::uint64_t number)
      : TableEntry{start}, given_key(given), order(number) {}

  void* given_key;      // the address that the program gave
  std::uint64_t order;  // grows with every insertion
};

// Of a table without an index, whose values are a word at most: constants make a look-up short.
struct PlacedEntry : TableEntry {
  alignas(void*) std::byte value[sizeof(void*)];  // not initialised
};
static_assert(sizeof(PlacedEntry) == sizeof(TableEntry) + sizeof(void*));

class TableArrays {
 public:
  // In the index; other elements are entry numbers plus one.
  static constexpr std::uint32_t kNeverUsed = 0;
  static constexpr std::uint32_t kErased = UINT32_MAX;
  static constexpr std::size_t kNone = SIZE_MAX;

  // With room for so many entries, a power of two, and at least twice as many places of the index,
  // or of the entries themselves. Throws std::bad_alloc, also where the heap's limit is reached.
  static TableArrays* New(HeapState& heap, EntryOrder order, std::size_t capacity,
                          std::size_t entry_bytes);
  // Of a table without entries: no others are like them.
  static TableArrays* Empty() { return const_cast<TableArrays*>(&kEmpty); }
  // Of a table that nobody can look anything up in any more.
  static void Free(HeapState& heap, TableArrays* arrays);
  // Of a table that has published others. As said above.
  static void Retire(HeapState& heap, TableArrays* arrays);
  // For the collector, before handshake 4 is asked for, and after all have answered.
  static TableArrays* TakeRetired(HeapState& heap);
  static void FreeAll(HeapState& heap, TableArrays* retired);

  std::size_t capacity() const { return capacity_; }
  // In the order of their hashes: how many entries there are, used and unused.
  std::size_t places() const { return capacity_ == 0 ? 0 : mask_ + 1; }
  TableEntry& At(std::size_t number) {
    return *reinterpret_cast<TableEntry*>(entries_ + number * entry_bytes_);
  }

  // The place of the key in the index, or in the entries if there is none, and the entry's number;
  // or kNone. Acquire: pairs with Publish. The number stays that of the key's entry as long as
  // these arrays are the table's and nobody erases it.
  std::size_t Find(const void* key, std::size_t& number) {
    PlacedEntry* entry;
    if (FindPlaced(key, entry)) return number = static_cast<std::size_t>(entry - placed_);
    return FindOrdered(key, number);
  }
  // Whether there is an entry of the key, and which, among those that stand where their hashes say.
  // Acquire: as Find. Where they are is read once, which no compiler may do by itself beside an
  // acquiring load.
  bool FindPlaced(const void* key, PlacedEntry*& entry) {
    PlacedEntry* const entries = placed_;
    entry = entries + Hash(key, placed_shift_);
    while (true) {
      const void* const found = entry->key.load(std::memory_order_acquire);  // as Find
      if (found == key) [[likely]]
        return true;
      if (found == nullptr) return false;
      entry = entries + Next(static_cast<std::size_t>(entry - entries));
    }
  }
  // Where the index, if there is one, has the key, or kNone; and the entry's number. Acquire: as
  // Find.
  std::size_t FindOrdered(const void* key, std::size_t& number) {
    if (index_ == nullptr) return kNone;
    for (std::size_t slot = FirstSlot(key);; slot = Next(slot)) {
      const std::uint32_t element = index_[slot].load(std::memory_order_acquire);
      if (element == kNeverUsed) return kNone;
      number = element - 1;
      // Relaxed: ordered by the number.
      if (element != kErased && At(number).key.load(std::memory_order_relaxed) == key) return slot;
    }
  }
  // The place for a key that has none. It has never been used: whoever is still looking at what an
  // erased entry held sees it as it was.
  std::size_t FreePlace(const void* key) {
    std::size_t place = FirstSlot(key);
    // Relaxed: the writer's own.
    while (At(place).key.load(std::memory_order_relaxed) != nullptr) place = Next(place);
    return place;
  }
  // Makes an entry known, which is complete. Release: pairs with Find.
  void Publish(void* key, std::size_t number) {
    if (index_ == nullptr) return At(number).key.store(key, std::memory_order_release);
    std::size_t slot = FirstSlot(key);
    while (!IsOpen(slot)) slot = Next(slot);
    // Release: as said.
    index_[slot].store(static_cast<std::uint32_t>(number + 1), std::memory_order_release);
  }
  // Relaxed: a look-up that still finds the number finds the entry, too.
  void Erase(std::size_t slot, std::size_t number) {
    if (index_ != nullptr) index_[slot].store(kErased, std::memory_order_relaxed);
    At(number).ForgetKey();
  }

 private:
  // What holds no entry where its hash says: any hash is one of the two. On a cache line of its
  // own, for every look-up of some tables reads it. Never written, like kEmpty.
  alignas(64) static const PlacedEntry kNoEntries[2];
  static constexpr int kNoEntriesShift = 63;
  static const TableArrays kEmpty;

  constexpr TableArrays() = default;

  // The first bits of a product, which spread neighbours best (Knuth, The Art of Computer
  // Programming, 6.4), and so that a table that has doubled is filled from its beginning to its
  // end. Eight times the factor, for objects lie at multiples of eight, is 2^64 by the golden
  // ratio. Keys exactly 1 MiB apart spread less well, but it takes 32 GiB of them until a look-up
  // sees three places on average; to mix their bits first would take each look-up three
  // instructions more, of 31.
  static std::size_t Hash(const void* key, int shift) {
    return reinterpret_cast<std::uintptr_t>(key) * std::uint64_t{0x13C6EF372FE94F83} >> shift;
  }
  std::size_t FirstSlot(const void* key) const { return Hash(key, shift_); }
  std::size_t Next(std::size_t slot) const { return (slot + 1) & mask_; }
  bool IsOpen(std::size_t slot) const {
    const std::uint32_t number = index_[slot].load(std::memory_order_relaxed);  // the writer's own
    return number == kNeverUsed || number == kErased;
  }

  std::uint32_t capacity_ = 0;
  std::uint32_t entry_bytes_ = 0;
  std::size_t mask_ = 0;
  int shift_ = 0;
  // The entries in the order of their hashes; or none, so that a look-up need not ask.
  int placed_shift_ = kNoEntriesShift;
  PlacedEntry* placed_ = const_cast<PlacedEntry*>(kNoEntries);
  std::byte* entries_ = nullptr;
  std::atomic<std::uint32_t>* index_ = nullptr;  // null: entries in the order of their hashes
  std::size_t bytes_ = 0;
  TableArrays* next_ = nullptr;  // among the retired
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_WEAK_TABLE_ARRAYS_H_
