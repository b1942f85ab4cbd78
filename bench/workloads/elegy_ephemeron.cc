#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/support/clock.h"
#include "bench/support/random.h"
#include "bench/workloads/elegy_weak.h"

namespace elegy::bench {
namespace {

struct Key {
  std::int64_t number = 0;
  std::int64_t unused = 0;
};

struct Value {
  Member<Key> key;
  std::int64_t number = 0;
};

using Keys = Array<Member<Key>>;
using Map = WeakMap<Key, Member<Value>>;

// Returns whether every insertion succeeds.
[[gnu::noinline]] bool InsertAll(ElegyMemory memory, Map* map, const Keys& keys) {
  bool all_ok = true;
  for (const Member<Key>& key : keys) {
    Value* value = memory.Make<Value>(key, key->number);
    all_ok &= map->Set(key.get(), value).ok();
  }
  return all_ok;
}

// Counts the keys that are in the map with their own value.
[[gnu::noinline]] std::uint64_t LookUpAll(const Map& map, const Keys& keys,
                                          const std::vector<std::uint32_t>& order) {
  std::uint64_t found = 0;
  for (const std::uint32_t index : order) {
    Key* key = keys[index].get();
    if (key == nullptr) continue;
    const Value* value = map.Get(key);
    if (value != nullptr && value->number == key->number) ++found;
  }
  return found;
}

[[gnu::noinline]] void MakeKeys(ElegyMemory memory, Keys& keys) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    keys[i] = memory.Make<Key>(static_cast<std::int64_t>(i));
  }
}

void DropEverySecond(Keys& keys) {
  for (std::size_t i = 0; i < keys.size(); i += 2) keys[i] = nullptr;
}

}  // namespace

void RunEphemeron(ElegyMemory memory, const Flags& flags, Report& report) {
  const std::size_t entries = flags.Get("objects", 1'000'000);
  const double per_entry = 1e9 / static_cast<double>(entries);
  const Persistent<Keys> keys(memory.mutator().MakeArray<Member<Key>>(entries));
  const Persistent<Map> map(memory.Make<Map>());
  MakeKeys(memory, *keys);
  const std::vector<std::uint32_t> order = RandomPermutation(entries);
  memory.Collect();

  const Stopwatch inserting;
  report.Check(InsertAll(memory, map.get(), *keys), "every key can be set");
  const double insert_seconds = inserting.Seconds();

  const Stopwatch looking_up;
  report.Check(LookUpAll(*map, *keys, order) == entries, "every key is found");
  const double look_up_seconds = looking_up.Seconds();

  DropEverySecond(*keys);
  const std::uint64_t cleared_before = memory.heap().Stats().cells_cleared;
  const Stopwatch collecting;
  memory.Collect();
  const double collect_seconds = collecting.Seconds();
  const std::uint64_t cleared = memory.heap().Stats().cells_cleared - cleared_before;

  report.Measured(insert_seconds + look_up_seconds + collect_seconds, entries);
  report.Number("insert_ns", insert_seconds * per_entry);
  report.Number("lookup_ns", look_up_seconds * per_entry);
  report.Number("collect_ms", collect_seconds * 1e3);
  report.Count("entries_cleared", cleared);
  report.Check(cleared == (entries + 1) / 2, "every dropped key's entry is gone");
  report.Check(LookUpAll(*map, *keys, order) == entries / 2, "every other key is still found");
}

}  // namespace elegy::bench
