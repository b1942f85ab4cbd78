// A cache of objects that others hold, and of those used last.

#ifndef ELEGY_WEAK_CACHE_H_
#define ELEGY_WEAK_CACHE_H_

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/hash/hash.h"
#include "elegy/finalization_registry.h"
#include "elegy/internal/collector_lock.h"
#include "elegy/internal/flight.h"
#include "elegy/internal/managed_type.h"
#include "elegy/internal/mutex.h"
#include "elegy/internal/recency_list.h"
#include "elegy/internal/traced_table.h"
#include "elegy/internal/weak_entry.h"
#include "elegy/mutator.h"
#include "elegy/visitor.h"

namespace elegy {

template <class T>
struct WeakCacheOptions {
  // The objects used last are held strongly as long as they take no more bytes together than this.
  std::size_t budget_bytes = 0;
  // What an object takes, with what it keeps outside the heap: asked once, when it enters the cache
  // of a budget above 0. Must not use the cache, nor reach a safepoint. Null: its size in the heap.
  // It is compared with the budget, and says nothing to the heap: for what an object keeps outside
  // to make the heap collect in time, see Heap::AdjustExternalBytes.
  std::function<std::size_t(const T&)> bytes_of = nullptr;
};

namespace internal {

// Whether a key is, or has among its parts, a slot or a pointer to a class. The fields of a class
// are not looked at.
template <class K>
constexpr bool NamesObjects() {
  if constexpr (kIsSlot<K> || kHasNoSlots<K>) {
    return kIsSlot<K>;
  } else if constexpr (std::is_pointer_v<K>) {
    return kIsPointerToClass<K>;
  } else if constexpr (kIsOptional<K> || kIsStdArray<K>) {
    return NamesObjects<std::remove_cv_t<typename K::value_type>>();
  } else if constexpr (kIsTupleLike<K>) {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return (NamesObjects<std::remove_cvref_t<std::tuple_element_t<I, K>>>() || ...);
    }
    (std::make_index_sequence<std::tuple_size_v<K>>());
  } else {
    return false;
  }
}

}  // namespace internal

// A managed map from values to weakly held managed objects: entries of dead objects leave by
// themselves, and a key can be made anew at once. Key is any copyable type without slots that
// absl::Hash knows; its hash, comparison, copy and destructor also run under the cache's lock, all
// but the copy on the collector's thread, too: those must not throw, and none may use managed
// objects, nor take a lock that is held where the cache is used. A managed object, made by
// Make<WeakCache<Key, T>>(), or with options.
//
// Thread-safe: from any mutator of its heap; fatal, with a message, elsewhere. O(1) amortised.
template <class Key, class T>
class WeakCache {
  static_assert(!internal::NamesObjects<Key>(),
                "elegy: a cache does not keep its keys' objects: no slots or pointers to classes "
                "in keys; of other memory's pointers say kHasNoSlots<T*> = true");
  static_assert(internal::NamesObjects<Key>() ||
                    (std::is_default_constructible_v<absl::Hash<Key>> &&
                     std::equality_comparable<Key>),
                "elegy: a cache's key needs operator== and an AbslHashValue, as absl::Hash says");

 public:
  WeakCache() : WeakCache(WeakCacheOptions<T>()) {}
  explicit WeakCache(WeakCacheOptions<T> options) : table_(std::move(options)) {
    internal::CheckMadeAlone(this, "WeakCache");
  }
  WeakCache(const WeakCache&) = delete;
  WeakCache& operator=(const WeakCache&) = delete;

  // The key's object, kept alive by the caller's stack, or null.
  T* Get(const Key& key) const { return table_.Get(key); }

  // The key's object, made by factory(key) if there is none. The factory runs without a lock; a
  // null result is not cached. Throws what the factory throws, and std::bad_alloc, past
  // max_heap_bytes once a cycle has failed to make room.
  //
  // One factory runs for a key at a time: other threads that ask wait for it, inside a
  // BlockingRegion, and take over if it fails. Only a thread that it waits for itself, directly or
  // through other caches' factories, runs its own; then the first object is returned to all. Who
  // calls with a lock held that the factory takes, deadlocks. A safepoint.
  template <std::invocable<const Key&> F>
  T* GetOrMake(const Key& key, F&& factory) {
    while (true) {
      const Boarding boarding = table_.GetOrBoard(key);
      if (boarding.present != nullptr) return boarding.present;
      if (boarding.own_key != nullptr) {
        const Landing landing(table_, *boarding.own_key, *boarding.flight);
        return MakeAndPut(*boarding.own_key, std::forward<F>(factory));
      }
      if (!boarding.flight->Await()) return MakeAndPut(key, std::forward<F>(factory));
      KeepAlive(this);
    }
  }

  // The entries whose objects have not been found dead; exact after Heap::Collect.
  std::size_t size() const { return table_.CountLive(); }

  void Trace(Visitor& visitor) const { internal::VisitorAccess::Table(visitor, table_); }

 private:
  struct Entry {
    std::optional<Key> key;  // none: the entry is free
    internal::WeakEntry target;
    internal::RecencyList::Link link;
  };

  // The key's object, or the flight that will bring it: another thread's, or the caller's own, with
  // a key that stays as it is until the flight has landed.
  struct Boarding {
    T* present;
    std::shared_ptr<internal::Flight> flight;
    const Key* own_key;
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
    explicit Table(WeakCacheOptions<T> options)
        : options_(std::move(options)), recent_(options_.budget_bytes) {}

    T* Get(const Key& key) {
      bytes_.CheckMutator();
      internal::MutexLock lock(mutex_);
      return GetLocked(key);
    }

    Boarding GetOrBoard(const Key& key) {
      bytes_.CheckMutator();
      internal::MutexLock lock(mutex_);
      if (T* present = GetLocked(key)) return {present, nullptr, nullptr};
      if (const auto found = flights_.find(key); found != flights_.end()) {
        return {nullptr, found->second, nullptr};
      }
      const auto own = flights_.emplace(key, std::make_shared<internal::Flight>()).first;
      return {nullptr, own->second, &own->first};
    }

    void EndFlight(const Key& own_key) {
      internal::MutexLock lock(mutex_);
      flights_.erase(flights_.find(own_key));
    }

    T* Put(const Key& key, T* made) {
      const std::size_t bytes = BytesOf(*made);
      internal::MutexLock lock(mutex_);
      if (T* first = GetLocked(key)) return first;
      if (!internal::WeakEntry::MayHold(internal::AddressOf(made), *this)) return made;
      const auto found = index_.find(key);
      Entry* const dead = found == index_.end() ? nullptr : *found;
      if (dead != nullptr) {
        recent_.Forget(dead->link);  // it was held, but condemned by a shutdown
        dead->target.Set(internal::AddressOf(made));
      }
      internal::RecencyList::Link& link = dead == nullptr ? AddEntry(key, made).link : dead->link;
      link.bytes = bytes;
      recent_.Use(link, internal::AddressOf(made));
      return made;
    }

    std::size_t CountLive() {
      bytes_.CheckMutator();
      internal::MutexLock lock(mutex_);
      if (!internal::WeakEntry::MayBeDying()) return index_.size();
      std::size_t live = 0;
      for (const Entry* entry : index_)
        live += entry->target.IsDead() ? std::size_t{0} : std::size_t{1};
      return live;
    }

    void Mark(internal::TableMarker& marker) override {
      if (options_.budget_bytes == 0) return;
      VisitEntries([&marker](Entry& entry) { entry.link.Trace(marker.visitor()); });
    }
    void MarkValueOf(void*, Visitor&) override {}

    std::size_t ClearDead(const internal::Liveness& liveness) override {
      std::size_t cleared = 0;
      VisitEntries([&](Entry& entry) ELEGY_NO_LOCK_ANALYSIS {
        if (!entry.key.has_value() || !entry.target.IsDeadFor(liveness)) return;
        recent_.Forget(entry.link);
        index_.erase(&entry);
        entry.key.reset();
        free_.push_back(&entry);
        cleared++;
      });
      ShrinkIfSparse();
      return cleared;
    }

   private:
    static constexpr std::size_t kStride = 128;  // entries that the collector visits at a time
    static constexpr std::size_t kLeastEntries = 64;
    // With its places in the list of free ones and in the index.
    static constexpr std::size_t kEntryBytes = sizeof(Entry) + 4 * sizeof(void*);

    // After most entries have died, gives back those behind the last that lives, if they are half.
    void ShrinkIfSparse() {
      const internal::CollectorLock lock(mutex_);
      const std::size_t before = entries_.size();
      if (before < kLeastEntries || index_.size() > before / 4) return;
      std::size_t left = before;
      while (left > 0 && !entries_[left - 1].key.has_value()) left--;
      if (left > before / 2) return;
      try {
        std::vector<Entry*> free;
        free.reserve(left);
        // The first are the next to be used.
        for (std::size_t i = left; i > 0; i--) {
          if (!entries_[i - 1].key.has_value()) free.push_back(&entries_[i - 1]);
        }
        index_.rehash(0);
        free_.swap(free);
        while (entries_.size() > left) entries_.pop_back();
        bytes_.Give((before - left) * kEntryBytes);
      } catch (const std::bad_alloc&) {
        return;  // another cycle's clearing tries again
      }
    }

    // Visits the entries that there are when it begins, with the lock. What is added meanwhile has
    // a target that is marked, or shaded.
    template <class F>
    void VisitEntries(F&& visit) {
      std::size_t end = SIZE_MAX;
      for (std::size_t next = 0; next < end;) {
        const internal::CollectorLock lock(mutex_);
        end = std::min(end, entries_.size());
        const std::size_t stop = std::min(next + kStride, end);
        for (; next < stop; next++) visit(entries_[next]);
      }
    }

    T* GetLocked(const Key& key) ELEGY_REQUIRES(mutex_) {
      const auto found = index_.find(key);
      if (found == index_.end()) return nullptr;
      void* const present = (*found)->target.Read();
      if (present != nullptr) recent_.Use((*found)->link, present);
      return static_cast<T*>(present);
    }

    std::size_t BytesOf(const T& object) const {
      if (options_.budget_bytes == 0) return 0;
      return options_.bytes_of ? options_.bytes_of(object) : internal::BytesOfObject(&object);
    }

    // A new entry in the index. Whatever fails, nothing has changed but capacities.
    Entry& AddEntry(const Key& key, T* made) ELEGY_REQUIRES(mutex_) {
      if (free_.empty()) AddFreeEntry();
      Entry* const entry = free_.back();
      entry->target.Set(internal::AddressOf(made));
      entry->key.emplace(key);
      try {
        index_.insert(entry);
      } catch (...) {
        entry->key.reset();
        throw;
      }
      free_.pop_back();
      return *entry;
    }

    // The list of free entries has room for all of them, so that clearing needs no memory.
    void AddFreeEntry() ELEGY_REQUIRES(mutex_) {
      if (free_.capacity() == entries_.size()) free_.reserve(entries_.size() * 2 + 8);
      Entry& entry = entries_.emplace_back();
      try {
        bytes_.Take(kEntryBytes);
      } catch (...) {
        entries_.pop_back();
        throw;
      }
      free_.push_back(&entry);
    }

    const WeakCacheOptions<T> options_;
    internal::TableBytes bytes_;
    internal::Mutex mutex_;
    internal::RecencyList recent_ ELEGY_GUARDED_BY(mutex_);
    std::deque<Entry> entries_ ELEGY_GUARDED_BY(mutex_);
    std::vector<Entry*> free_ ELEGY_GUARDED_BY(mutex_);
    // Not Abseil's tables, which do not survive a failed allocation.
    std::unordered_set<Entry*, KeyHash, KeyEqual> index_ ELEGY_GUARDED_BY(mutex_);
    std::unordered_map<Key, std::shared_ptr<internal::Flight>, absl::Hash<Key>> flights_
        ELEGY_GUARDED_BY(mutex_);
  };

  // Ends a flight, however its factory has ended.
  class Landing {
   public:
    Landing(Table& table, const Key& key, internal::Flight& flight)
        : table_(table), key_(key), flight_(flight) {}
    Landing(const Landing&) = delete;
    Landing& operator=(const Landing&) = delete;
    ~Landing() {
      table_.EndFlight(key_);
      flight_.Land();
    }

   private:
    Table& table_;
    const Key& key_;  // the flight's own
    internal::Flight& flight_;
  };

  template <class F>
  T* MakeAndPut(const Key& key, F&& factory) {
    T* const made = std::forward<F>(factory)(key);
    if (made == nullptr) return nullptr;
    try {
      return table_.Put(key, made);
    } catch (const std::bad_alloc&) {
      internal::CollectForEntry(made, this);
    }
    return table_.Put(key, made);
  }

  mutable Table table_;
};

namespace internal {
template <class Key, class T>
inline constexpr bool kIsContainer<WeakCache<Key, T>> = true;
}  // namespace internal

}  // namespace elegy

#endif  // ELEGY_WEAK_CACHE_H_
