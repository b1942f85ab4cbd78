// Pending ephemerons: entries of weak maps whose key was not marked when the marker came by.
//
// An entry is filed under its key and released when the key is marked: a marker that comes to a map
// looks at each entry once, and at a released one again, so that resolving takes linear time
// however chains are ordered.
//
// Most keys that are unmarked when the marker comes to their map, which it does last, are dead. So
// filing appends to a list. Who looks for a key's entries first sorts into a hash table, by their
// keys, what the list has by then: each entry once. As that may take milliseconds, a mutator that
// helps to mark leaves a key to the marker threads while the list is long.
//
// The race: marker A finds a key unmarked and files the entry, while B marks the key and looks for
// entries to release. A files under the shard's lock, after testing the mark once more by a
// read-modify-write; B, after it has set the mark by a read-modify-write, looks whether the key's
// block has ever held a weak key, and if so takes the lock. Of the two operations on the mark word
// one comes first. If B's does, A finds the mark set and files nothing. If A's does, B's acquires
// what A's released: the block's flag, set before the entry was inserted into its map, is seen; and
// the lock orders A's filing before B's look-up, for A tested inside its critical section.
//
// Thread-safe.

#ifndef ELEGY_SRC_MARK_EPHEMERONS_H_
#define ELEGY_SRC_MARK_EPHEMERONS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/hash/hash.h"
#include "elegy/internal/mutex.h"
#include "elegy/internal/table_memory.h"
#include "elegy/internal/traced_table.h"
#include "src/base/chaos.h"
#include "src/heap/object_bits.h"

namespace elegy::internal {

class PendingEphemerons {
 public:
  using Tables = absl::InlinedVector<TracedTable*, 1>;

  // As many filed entries a mutator sorts before it looks for a key's.
  static constexpr std::size_t kMostForMutators = 64;

  // Files an entry of `table` under the key, an object's start, unless the key is marked: then
  // returns false.
  bool File(void* key, std::atomic<std::uint64_t>& mark_word, std::uint64_t mark_mask,
            TracedTable& table) {
    Shard& shard = ShardOf(key);
    MutexLock lock(shard.mutex);
    if (ObjectBits::TestOrdered(mark_word, mark_mask)) return false;
    ELEGY_CHAOS_POINT("key white, entry not filed");
    shard.filed.push_back({key, &table});
    return true;
  }

  // Takes out what was filed under a key that has just been marked. False if more than `most`
  // entries would have to be sorted first: then nothing has happened. O(1) and what is sorted.
  bool Release(void* key, std::size_t most, Tables& tables) {
    Shard& shard = ShardOf(key);
    MutexLock lock(shard.mutex);
    if (shard.filed.size() > most) return false;
    for (const Filed& entry : shard.filed) shard.pending[entry.key].push_back(entry.table);
    shard.filed.clear();
    const auto found = shard.pending.find(key);
    if (found == shard.pending.end()) return true;
    tables = std::move(found->second);
    shard.pending.erase(found);
    return true;
  }

  // The cycle's end: the keys that were never marked are dead.
  void Clear() {
    for (Shard& shard : shards_) {
      MutexLock lock(shard.mutex);
      std::vector<Filed>().swap(shard.filed);
      Pending().swap(shard.pending);
    }
  }

 private:
  static constexpr std::size_t kShards = 16;

  using Pending = absl::flat_hash_map<void*, Tables, absl::Hash<void*>, std::equal_to<void*>,
                                      TableAllocator<std::pair<void* const, Tables>>>;

  struct Filed {
    void* key;
    TracedTable* table;
  };

  struct Shard {
    Mutex mutex;
    std::vector<Filed> filed ELEGY_GUARDED_BY(mutex);
    Pending pending ELEGY_GUARDED_BY(mutex);
  };

  Shard& ShardOf(const void* key) {
    return shards_[(reinterpret_cast<std::uintptr_t>(key) >> 4) % kShards];
  }

  std::array<Shard, kShards> shards_;
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MARK_EPHEMERONS_H_
