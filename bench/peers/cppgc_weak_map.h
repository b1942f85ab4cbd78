// A weak map for cppgc, which has ephemerons but no table of them: open addressing, with entries
// outside the heap.

#ifndef ELEGY_BENCH_PEERS_CPPGC_WEAK_MAP_H_
#define ELEGY_BENCH_PEERS_CPPGC_WEAK_MAP_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <cppgc/garbage-collected.h>
#include <cppgc/liveness-broker.h>
#include <cppgc/member.h>
#include <cppgc/visitor.h>

namespace elegy::bench {

template <class Key, class Value>
class CppgcWeakMap final : public cppgc::GarbageCollected<CppgcWeakMap<Key, Value>> {
 public:
  // The key must not be in the map.
  void Insert(Key* key, Value* value) {
    if (4 * (used_ + 1) > 3 * entries_.size()) Grow();
    InsertInto(entries_, key, value);
    ++used_;
    ++live_;
  }

  Value* Get(const Key* key) const {
    const std::size_t mask = entries_.size() - 1;
    for (std::size_t i = Hash(key) & mask;; i = (i + 1) & mask) {
      if (entries_[i].key.Get() == key) return entries_[i].value.Get();
      if (entries_[i].key.Get() == nullptr) return nullptr;
    }
  }

  std::size_t live() const { return live_; }

  // The collector's other threads leave the entries to this one.
  void Trace(cppgc::Visitor* visitor) const {
    const std::size_t bytes = entries_.size() * sizeof(Entry);
    if (!visitor->DeferTraceToMutatorThreadIfConcurrent(this, &TraceDeferred, bytes)) {
      TraceDeferred(visitor, this);
    }
  }

 private:
  // An entry whose key has died keeps a sentinel as its key, so that probes go on past it.
  struct Entry {
    cppgc::WeakMember<Key> key;
    cppgc::Member<Value> value;
  };

  static std::size_t Hash(const Key* key) {
    return (reinterpret_cast<std::uintptr_t>(key) >> 3) * 0x9E3779B97F4A7C15u >> 20;
  }

  static void InsertInto(std::vector<Entry>& entries, Key* key, Value* value) {
    const std::size_t mask = entries.size() - 1;
    std::size_t i = Hash(key) & mask;
    while (entries[i].key.Get() != nullptr) i = (i + 1) & mask;
    entries[i].key = key;
    entries[i].value = value;
  }

  void Grow() {
    std::vector<Entry> grown(std::bit_ceil(3 * live_ + 8));
    for (const Entry& entry : entries_) {
      if (entry.value.Get() != nullptr) InsertInto(grown, entry.key.Get(), entry.value.Get());
    }
    entries_ = std::move(grown);
    used_ = live_;
  }

  static void TraceDeferred(cppgc::Visitor* visitor, const void* map) {
    const auto* self = static_cast<const CppgcWeakMap*>(map);
    for (const Entry& entry : self->entries_) {
      if (entry.value.Get() != nullptr) visitor->TraceEphemeron(entry.key, &entry.value);
    }
    visitor->RegisterWeakCallbackMethod<CppgcWeakMap, &CppgcWeakMap::ClearDead>(self);
  }

  void ClearDead(const cppgc::LivenessBroker& broker) {
    for (Entry& entry : entries_) {
      if (entry.value.Get() == nullptr || broker.IsHeapObjectAlive(entry.key)) continue;
      entry.key = cppgc::kSentinelPointer;
      entry.value = nullptr;
      --live_;
    }
  }

  std::vector<Entry> entries_;  // a power of two of them, or none
  std::size_t used_ = 0;        // with the dead ones
  std::size_t live_ = 0;
};

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_PEERS_CPPGC_WEAK_MAP_H_
