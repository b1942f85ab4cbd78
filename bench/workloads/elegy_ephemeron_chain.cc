#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/support/clock.h"
#include "bench/support/process.h"
#include "bench/workloads/elegy_weak.h"

namespace elegy::bench {
namespace {

struct Key {
  std::int64_t number = 0;
  std::int64_t unused = 0;
};

using Keys = Array<Member<Key>>;
using Map = WeakMap<Key, Member<Key>>;
using Maps = Array<Member<Map>>;

struct Shape {
  std::size_t length;  // entries of a chain
  std::size_t chains;
  bool backwards;

  std::size_t Entries() const { return length * chains; }
};

// One chain: the entry of each key, in the next of the maps, holds the next key. Returns the first
// key, or null if an insertion fails.
[[gnu::noinline]] Key* MakeChain(ElegyMemory memory, const Maps& maps, const Shape& shape) {
  const Persistent<Keys> keys(memory.mutator().MakeArray<Member<Key>>(shape.length + 1));
  for (Member<Key>& key : *keys) key = memory.Make<Key>();
  for (std::size_t i = 0; i < shape.length; ++i) {
    const std::size_t at = shape.backwards ? shape.length - 1 - i : i;
    if (!maps[at % maps.size()]->Set((*keys)[at], (*keys)[at + 1].get()).ok()) return nullptr;
  }
  return (*keys)[0];
}

// How many entries are reached from the first keys.
[[gnu::noinline]] std::size_t CountEntries(const Maps& maps, const Keys& first_keys) {
  std::size_t entries = 0;
  for (const Member<Key>& first : first_keys) {
    const Key* key = first;
    for (std::size_t i = 0; (key = maps[i % maps.size()]->Get(key)) != nullptr; ++i) ++entries;
  }
  return entries;
}

struct Cycle {
  double seconds;
  double cpu_seconds;
  std::uint64_t cleared;
  bool is_one;
};

Cycle CollectOnce(ElegyMemory memory) {
  const HeapStats before = memory.heap().Stats();
  const double cpu_before = CpuSeconds();
  const Stopwatch watch;
  memory.Collect();
  Cycle cycle{};
  cycle.seconds = watch.Seconds();
  cycle.cpu_seconds = CpuSeconds() - cpu_before;
  const HeapStats after = memory.heap().Stats();
  cycle.cleared = after.cells_cleared - before.cells_cleared;
  cycle.is_one = after.cycles == before.cycles + 1;
  return cycle;
}

// The least of so many cycles, in which nothing may die.
Cycle QuickestOf(std::uint64_t passes, ElegyMemory memory, Report& report) {
  Cycle quickest{1e9, 1e9, 0, true};
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    const Cycle cycle = CollectOnce(memory);
    report.Check(cycle.is_one, "a collection is one cycle");
    report.Check(cycle.cleared == 0, "no entry dies while the first keys live");
    quickest.seconds = std::min(quickest.seconds, cycle.seconds);
    quickest.cpu_seconds = std::min(quickest.cpu_seconds, cycle.cpu_seconds);
  }
  return quickest;
}

}  // namespace

void RunEphemeronChain(ElegyMemory memory, const Flags& flags, Report& report) {
  const std::size_t objects = flags.Get("objects", 1'000'000);
  const std::size_t length = std::max<std::size_t>(1, flags.Get("length", objects));
  const std::size_t map_count = std::max<std::size_t>(1, flags.Get("maps", 1));
  const std::uint64_t passes = std::max<std::uint64_t>(1, flags.Get("passes", 10));
  const Shape shape{length, std::max<std::size_t>(1, objects / length),
                    flags.Get("backwards", 0) != 0};
  Mutator& mutator = memory.mutator();
  memory.Collect();
  const Cycle empty = QuickestOf(passes, memory, report);

  const Persistent<Maps> maps(mutator.MakeArray<Member<Map>>(map_count));
  for (Member<Map>& map : *maps) map = memory.Make<Map>();
  Persistent<Keys> first_keys(mutator.MakeArray<Member<Key>>(shape.chains));
  bool all_set = true;
  for (Member<Key>& first : *first_keys) {
    first = MakeChain(memory, *maps, shape);
    all_set &= first != nullptr;
  }
  report.Check(all_set, "every key can be set");

  // Only the first keys hold the chains. The first collection also frees what building has left,
  // and may have to wait for a cycle that has begun meanwhile.
  report.Check(CollectOnce(memory).cleared == 0, "the chains survive one collection");
  report.Check(CountEntries(*maps, *first_keys) == shape.Entries(), "the chains are whole");
  const Cycle living = QuickestOf(passes, memory, report);
  report.Check(CountEntries(*maps, *first_keys) == shape.Entries(), "the chains stay whole");

  first_keys = nullptr;
  const Cycle dying = CollectOnce(memory);
  report.Check(dying.is_one && dying.cleared == shape.Entries(), "the chains die in one cycle");

  const double per_entry = 1e9 / static_cast<double>(shape.Entries());
  report.Measured(living.seconds, shape.Entries());
  report.Number("empty_cycle_us", empty.seconds * 1e6);
  report.Number("entry_ns", (living.seconds - empty.seconds) * per_entry);
  report.Number("entry_cpu_ns", (living.cpu_seconds - empty.cpu_seconds) * per_entry);
  report.Number("death_ns", (dying.seconds - empty.seconds) * per_entry);
}

}  // namespace elegy::bench
