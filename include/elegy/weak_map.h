// Weak maps and weak sets.

#ifndef ELEGY_WEAK_MAP_H_
#define ELEGY_WEAK_MAP_H_

#include <concepts>
#include <cstddef>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "elegy/finalization_registry.h"
#include "elegy/internal/managed_type.h"
#include "elegy/internal/weak_table.h"
#include "elegy/member.h"
#include "elegy/mutator.h"
#include "elegy/visitor.h"

namespace elegy {

namespace internal {

// What look-ups of a value type hand out: a copy; of a Member its raw pointer. And whether a value
// can be read and overwritten in place beside other threads.
template <class V>
struct ValueAccess {
  static constexpr bool kIsAtomic = false;
  using Found = std::optional<V>;
  using Plain = V;
  static Found None() { return std::nullopt; }
  static Plain Read(const V& value) {
    static_assert(std::is_copy_constructible_v<V>,
                  "elegy: a weak map's values are copied out: one that is not copyable needs a "
                  "std::shared_ptr, or a managed object of its own, around it");
    return value;
  }
};
template <class U>
struct ValueAccess<Member<U>> {
  static_assert(std::is_nothrow_move_constructible_v<Member<U>>, "stands in its entry itself");
  static constexpr bool kIsAtomic = true;
  using Found = U*;
  using Plain = U*;
  static Found None() { return nullptr; }
  static Plain Read(const Member<U>& value) { return value.get(); }
};

template <class R>
inline constexpr bool kIsStatusOr = false;
template <class T>
inline constexpr bool kIsStatusOr<absl::StatusOr<T>> = true;

absl::Status NullKeyError();
absl::Status NoRoomError();

// Runs a full cycle, to make room for a value, which it keeps with its key and table. A safepoint.
// Throws std::bad_alloc.
void CollectForRoom(const ValueOps& ops, const void* value, const void* key, const void* table);

}  // namespace internal

// A map from managed objects to values, whose entries are ephemerons (Hayes, OOPSLA 1997; ECMA-262,
// 24.3): a value lives while map and key live, and a value that refers to its key does not keep the
// entry. A managed object, made by Make<WeakMap<K, V>>(). V is any movable type, traced if it has
// slots; to be read, it must be copyable. Look-ups copy it out under the map's lock, and its moves
// and destructor may run there too, also on the collector's threads: they must not use the map nor
// reach a safepoint (Make is one), and take no lock that is held where the map is used.
//
// Keys compare by object, not by address: a base-class or interior pointer names its whole object.
// Reading with a null key is a miss, writing with one InvalidArgument; ResourceExhausted if even a
// cycle has not made room for a larger table, or there is no memory for the value. What inserts is
// a safepoint where it finds no room; it keeps the map, the key and the value meanwhile.
//
// Thread-safe: from any mutator of its heap; fatal, with a message, elsewhere. O(1) amortised; a
// table that grows is rebuilt under its lock. What a table has grown out of is freed at once if no
// other mutator is attached, else in the next cycle; a thread that makes them grow far more than
// the heap plans for waits for that cycle at its next safepoint, 0.2 s at most.
template <class K, class V>
class WeakMap {
  using Access = internal::ValueAccess<V>;
  using Order = internal::EntryOrder;
  using Stored = internal::Stored<V>;

 public:
  using Found = typename Access::Found;
  using Plain = typename Access::Plain;

  // An entry of small values needs least memory where there is no index.
  WeakMap() : WeakMap(sizeof(Stored) <= sizeof(void*) ? Order::kHash : Order::kInsertion) {}
  WeakMap(const WeakMap&) = delete;
  WeakMap& operator=(const WeakMap&) = delete;

  // Inserts or overwrites.
  absl::Status Set(K* key, V value) {
    return WithRoom(key, std::move(value), [&](void* start, Stored& stored) {
      internal::MutexLock lock(table_.mutex());
      if (void* found = table_.Find(start)) {
        Overwrite(found, std::move(stored));
      } else if (table_.MayInsert(start)) {
        Insert(start, key, std::move(stored));
      }
    });
  }

  // Of Members without a lock, wait-free.
  Found Get(const K* key) const {
    if constexpr (Access::kIsAtomic) {
      const void* const value = table_.FindShared(key);
      return value == nullptr ? Access::None() : Found(Read(value));
    }
    void* const start = table_.KeyOf(key);
    internal::MutexLock lock(table_.mutex());
    const void* const value = start == nullptr ? nullptr : table_.Find(start);
    return value == nullptr ? Access::None() : Found(Read(value));
  }

  // Without a lock, wait-free.
  bool Has(const K* key) const { return table_.FindShared(key) != nullptr; }

  // Whether there was an entry.
  bool Delete(const K* key) {
    void* const start = table_.KeyOf(key);
    internal::MutexLock lock(table_.mutex());
    return start != nullptr && table_.Erase(start);
  }

  // The key's value; inserted if there is none. A stored null counts as present.
  absl::StatusOr<Plain> GetOrInsert(K* key, V value) {
    std::optional<Plain> result;
    absl::Status status = WithRoom(key, std::move(value), [&](void* start, Stored& stored) {
      internal::MutexLock lock(table_.mutex());
      if (const void* found = table_.Find(start)) {
        result.emplace(Read(found));
        return;
      }
      result.emplace(Access::Read(stored.get()));  // first: it may throw
      if (table_.MayInsert(start)) Insert(start, key, std::move(stored));
    });
    if (!status.ok()) return status;
    return *std::move(result);
  }

  // The same with a value that fn(key) computes, or a StatusOr of it, without a lock held; called
  // at most once, and not if the key is present. Its error or exception inserts nothing. What fn
  // itself has set for the key is overwritten. Of threads that compute for one key at a time each
  // runs its fn, sets its value, the last one's staying, and returns its own.
  template <std::invocable<K*> F>
  absl::StatusOr<Plain> GetOrInsertComputed(K* key, F&& fn) {
    if (key == nullptr) return internal::NullKeyError();
    if (std::optional<Plain> present = Present(key)) return *std::move(present);
    using Result = std::invoke_result_t<F, K*>;
    if constexpr (internal::kIsStatusOr<Result>) {
      Result computed = std::forward<F>(fn)(key);
      if (!computed.ok()) return computed.status();
      return SetAndRead(key, V(*std::move(computed)));
    } else {
      return SetAndRead(key, V(std::forward<F>(fn)(key)));
    }
  }

  void Trace(Visitor& visitor) const { internal::VisitorAccess::Table(visitor, table_); }

 protected:
  explicit WeakMap(Order order) : table_(internal::kStoredOps<V>, order) {
    internal::CheckMadeAlone(this, "WeakMap");
  }

  std::optional<Plain> Present(K* key) const {
    void* const start = table_.KeyOf(key);
    internal::MutexLock lock(table_.mutex());
    const void* const value = table_.Find(start);
    if (value == nullptr) return std::nullopt;
    return Read(value);
  }

  absl::StatusOr<Plain> SetAndRead(K* key, V value) {
    Plain plain = Access::Read(value);
    absl::Status status = Set(key, std::move(value));
    if (!status.ok()) return status;
    return plain;
  }

  // Runs insert(start of the key's object, the value), which may throw std::bad_alloc for want of
  // room, the value untouched: once more after a cycle, then gives up. The value is moved to where
  // it is kept before that, for its move may throw, and cannot be made twice.
  template <class F>
  absl::Status WithRoom(K* key, V&& value, F&& insert) {
    if (key == nullptr) return internal::NullKeyError();
    void* const start = table_.KeyOf(key);
    try {
      Stored stored(std::move(value));
      try {
        insert(start, stored);
      } catch (const std::bad_alloc&) {
        internal::CollectForRoom(internal::kStoredOps<V>, &stored, key, this);
        insert(start, stored);
      }
      return absl::OkStatus();
    } catch (const std::bad_alloc&) {
      return internal::NoRoomError();
    }
  }

  static Plain Read(const void* stored) {
    return Access::Read(static_cast<const Stored*>(stored)->get());
  }

  // What may fail comes first: then nothing has changed.
  void* Insert(void* start, K* key, Stored&& stored) ELEGY_REQUIRES(table_.mutex()) {
    table_.MakeRoom();
    void* const storage = table_.Insert(start, key);
    ::new (storage) Stored(std::move(stored));
    table_.ShadeInserted(storage);
    table_.PublishInserted(start);
    return storage;
  }

  void Overwrite(void* storage, Stored&& value) ELEGY_REQUIRES(table_.mutex()) {
    table_.ShadeOverwritten(storage);
    if constexpr (Access::kIsAtomic) {
      static_cast<Stored*>(storage)->get() = value.get();
    } else {
      std::destroy_at(static_cast<Stored*>(storage));
      ::new (storage) Stored(std::move(value));
    }
    table_.ShadeInserted(storage);
  }

  mutable internal::WeakTable table_;
};

// A set of managed objects that it does not keep alive (ECMA-262, 24.4). As WeakMap in all else.
//
// Thread-safe: from any mutator of its heap; fatal, with a message, elsewhere.
template <class K>
class WeakSet {
 public:
  absl::Status Add(K* key) { return map_.Set(key, {}); }
  bool Has(const K* key) const { return map_.Has(key); }
  bool Delete(const K* key) { return map_.Delete(key); }

  void Trace(Visitor& visitor) const { map_.Trace(visitor); }

 private:
  struct Nothing {};

  WeakMap<K, Nothing> map_;
};

namespace internal {
template <class K, class V>
inline constexpr bool kIsContainer<WeakMap<K, V>> = true;
template <class K>
inline constexpr bool kIsContainer<WeakSet<K>> = true;
}  // namespace internal

}  // namespace elegy

#endif  // ELEGY_WEAK_MAP_H_
