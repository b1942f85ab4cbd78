// A weak map that can be counted and walked.

#ifndef ELEGY_ITERABLE_WEAK_MAP_H_
#define ELEGY_ITERABLE_WEAK_MAP_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "elegy/weak_map.h"

namespace elegy {

// A WeakMap whose live entries can be visited, in the order of their insertion; setting a present
// key keeps its place.
//
// Thread-safe: from any mutator of its heap; fatal, with a message, elsewhere.
template <class K, class V>
class IterableWeakMap : private WeakMap<K, V> {
  using Base = WeakMap<K, V>;

 public:
  using typename Base::Found;
  using typename Base::Plain;

  IterableWeakMap() : Base(internal::EntryOrder::kInsertion) {}

  using Base::Delete;
  using Base::Get;
  using Base::GetOrInsert;
  using Base::GetOrInsertComputed;
  using Base::Has;
  using Base::Set;
  using Base::Trace;

  // The entries whose keys have not been found dead; exact after Heap::Collect. O(1), but O(n) in
  // the moment between a cycle's flip and its clearing.
  std::size_t size() const {
    Base::table_.CheckMutator();
    internal::MutexLock lock(Base::table_.mutex());
    return Base::table_.CountLive(internal::CurrentMutator());
  }

  // Removes all entries; their values are destroyed under the map's lock, and its memory goes as
  // that which a table has grown out of. O(n).
  void Clear() {
    Base::table_.CheckMutator();
    internal::MutexLock lock(Base::table_.mutex());
    Base::table_.EraseAll();
  }

  // Calls fn(key, value) for each live entry, at most once, with its value at that moment, without
  // a lock held; no safepoint in itself. fn may change the map, collect and end turns: an entry
  // deleted before its turn is not visited, one added meanwhile may be, so that it ends only if
  // they are added more slowly than visited. O(n log n).
  template <std::invocable<K*, typename Base::Plain> F>
  void ForEach(F&& fn) const {
    std::uint64_t order = 0;
    while (true) {
      K* key = nullptr;
      std::optional<Plain> value;
      Base::table_.CheckMutator();
      {
        internal::MutexLock lock(Base::table_.mutex());
        void* stored = nullptr;
        void* given = nullptr;
        order = Base::table_.NextLive(internal::CurrentMutator(), order, &given, &stored);
        if (order == 0) return;
        key = static_cast<K*>(given);
        value = Base::Read(stored);
      }
      fn(key, *std::move(value));
    }
  }
};

namespace internal {
template <class K, class V>
inline constexpr bool kIsContainer<IterableWeakMap<K, V>> = true;
}  // namespace internal

}  // namespace elegy

#endif  // ELEGY_ITERABLE_WEAK_MAP_H_
