// A cache that keeps nothing alive.

#ifndef ELEGY_WEAK_CACHE_H_
#define ELEGY_WEAK_CACHE_H_

#include <concepts>
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "elegy/finalization_registry.h"
#include "elegy/internal/managed_type.h"
#include "elegy/internal/mutex.h"
#include "elegy/internal/traced_table.h"
#include "elegy/internal/weak_entry.h"
#include "elegy/mutator.h"
#include "elegy/visitor.h"

namespace elegy {

// A managed map from values to weakly held managed objects: entries of dead objects leave by
// themselves, and a key can be made anew at once. Key is any copyable type that absl::Hash knows.
// A managed object, made by Make<WeakCache<Key, T>>().
//
// Thread-safe. O(1) amortised.
template <class Key, class T>
class WeakCache {
 public:
  WeakCache() { internal::CheckMadeAlone(this, "WeakCache"); }
  WeakCache(const WeakCache&) = delete;
  WeakCache& operator=(const WeakCache&) = delete;

  // The key's object, kept alive by the caller's stack, or null.
  T* Get(const Key& key) const { return table_.Get(key); }

  // The key's object, made by factory(key) if there is none. The factory runs without a lock; a
  // null result is not cached; if another thread was first meanwhile, its object is returned.
  // Throws what the factory throws, and std::bad_alloc.
  template <std::invocable<const Key&> F>
  T* GetOrMake(const Key& key, F&& factory) {
    if (T* present = Get(key)) return present;
    T* const made = std::forward<F>(factory)(key);
    return made == nullptr ? nullptr : table_.Put(key, made);
  }

  // The entries whose objects have not been found dead; exact after Heap::Collect.
  std::size_t size() const { return table_.CountLive(); }

  void Trace(Visitor& visitor) const { internal::VisitorAccess::Table(visitor, table_); }

 private:
  struct Entry {
    std::optional<Key> key;  // none: the entry is free
    internal::WeakEntry target;
  };

  struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(const Key& key) const { return absl::Hash<Key>()(key); }
    std::size_t operator()(const Entry* entry) const { return absl::Hash<Key>()(*entry->key); }
  };
  struct KeyEqual {
    using is_transparent = void;
    static const Key& Of(const Key& key) { return key; }
    static const Key& Of(const Entry* entry) { return *entry->key; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return Of(a) == Of(b);
    }
  };

  // The entries never move; the collector walks them by number, some at a time.
  class Table final : public internal::TracedTable {
   public:
    T* Get(const Key& key) {
      internal::MutexLock lock(mutex_);
      const auto found = index_.find(key);
      return found == index_.end() ? nullptr : static_cast<T*>((*found)->target.Read());
    }

    T* Put(const Key& key, T* made) {
      internal::MutexLock lock(mutex_);
      const auto found = index_.find(key);
      if (found != index_.end()) {
        Entry& entry = **found;
        if (void* first = entry.target.Read()) return static_cast<T*>(first);
        entry.target.Set(internal::AddressOf(made), *this);
        return made;
      }
      AddEntry(key, made);
      return made;
    }

    std::size_t CountLive() {
      internal::MutexLock lock(mutex_);
      if (!internal::WeakEntry::MayBeDying()) return index_.size();
      std::size_t live = 0;
      for (const Entry* entry : index_) live += entry->target.IsDead() ? 0 : 1;
      return live;
    }

    void Mark(internal::TableMarker&) override {}
    void MarkValueOf(void*, Visitor&) override {}

    std::size_t ClearDead(const internal::Liveness& liveness) override {
      constexpr std::size_t kStride = 128;
      std::size_t cleared = 0;
      for (std::size_t next = 0;;) {
        internal::MutexLock lock(mutex_);
        for (std::size_t i = 0; i < kStride && next < entries_.size(); i++, next++) {
          Entry& entry = entries_[next];
          if (!entry.key.has_value() || !entry.target.IsDeadFor(liveness)) continue;
          index_.erase(&entry);
          entry.key.reset();
          free_.push_back(&entry);
          cleared++;
        }
        if (next == entries_.size()) return cleared;
      }
    }

   private:
    // An entry in the index. Whatever fails, nothing has changed but capacities.
    void AddEntry(const Key& key, T* made) ELEGY_REQUIRES(mutex_) {
      index_.reserve(index_.size() + 1);
      if (free_.empty()) AddFreeEntry();
      Entry* const entry = free_.back();
      entry->target.Set(internal::AddressOf(made), *this);
      entry->key.emplace(key);
      free_.pop_back();
      index_.insert(entry);
    }

    // The list of free entries has room for all of them, so that clearing needs no memory.
    void AddFreeEntry() ELEGY_REQUIRES(mutex_) {
      if (free_.capacity() == entries_.size()) free_.reserve(entries_.size() * 2 + 8);
      bytes_.Take(sizeof(Entry) + 4 * sizeof(void*));
      free_.push_back(&entries_.emplace_back());
    }

    internal::TableBytes bytes_;
    internal::Mutex mutex_;
    std::deque<Entry> entries_ ELEGY_GUARDED_BY(mutex_);
    std::vector<Entry*> free_ ELEGY_GUARDED_BY(mutex_);
    absl::flat_hash_set<Entry*, KeyHash, KeyEqual> index_ ELEGY_GUARDED_BY(mutex_);
  };

  mutable Table table_;
};

namespace internal {
template <class Key, class T>
inline constexpr bool kIsContainer<WeakCache<Key, T>> = true;
}  // namespace internal

}  // namespace elegy

#endif  // ELEGY_WEAK_CACHE_H_
