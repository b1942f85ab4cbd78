// Runs one workload on the Boehm-Demers-Weiser collector and prints a line of JSON:
// bench_peer_bdw WORKLOAD [flags]. The environment variable GC_MARKERS sets its marker threads.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/peers/bdw_memory.h"
#include "bench/support/clock.h"
#include "bench/support/flags.h"
#include "bench/support/process.h"
#include "bench/support/publish.h"
#include "bench/support/random.h"
#include "bench/support/report.h"
#include "bench/workloads/mark.h"
#include "bench/workloads/memory.h"
#include "bench/workloads/program.h"

namespace elegy::bench {
namespace {

using Node = PairNode<BdwMemory>;

// How long collections stopped the world. The collector calls back with the world about to stop or
// running again, one collection at a time.
std::uint64_t stop_began_ns = 0;
std::uint64_t longest_stop_ns = 0;
std::uint64_t all_stops_ns = 0;

void OnCollectionEvent(GC_EventType event) {
  if (event == GC_EVENT_PRE_STOP_WORLD) {
    stop_began_ns = NowNs();
  } else if (event == GC_EVENT_POST_START_WORLD) {
    const std::uint64_t stop_ns = NowNs() - stop_began_ns;
    longest_stop_ns = std::max(longest_stop_ns, stop_ns);
    all_stops_ns += stop_ns;
  }
}

// The best settings found for these workloads. No workload keeps an object by a pointer into its
// middle, so objects need no extra byte at their end.
void Configure(const Flags& flags) {
  GC_set_all_interior_pointers(0);
  GC_INIT();
  GC_allow_register_threads();
  GC_set_on_collection_event(OnCollectionEvent);
  if (flags.workload() != "start") GC_expand_hp(InitialHeapBytes(flags, 64));
  if (const std::size_t limit = MaxHeapBytes(flags); limit > 0) {
    GC_set_max_heap_size(std::max(limit, GC_get_heap_size()));
  }
}

// Of one round, whose held values are numbers from `first` on: an earlier round's may come late.
struct Callbacks {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
};
Callbacks callbacks;

void OnFinalized(void*, void* held) {
  const auto number = reinterpret_cast<std::uintptr_t>(held);
  if (number < callbacks.first) return;
  ++callbacks.count;
  callbacks.sum += number - callbacks.first;
}

void RunFinalize(const Flags& flags, Report& report) {
  const std::size_t objects = flags.Get("objects", 1'000'000);
  const double per_object = 1e9 / static_cast<double>(objects);
  callbacks = {callbacks.first + objects, 0, 0};
  GC_set_finalize_on_demand(1);
  Node** nodes = BdwMemory::MakeTable<Node>(objects);
  for (std::size_t i = 0; i < objects; ++i) nodes[i] = BdwMemory::Make<Node>();
  BdwMemory::Collect();

  const double resident_before = ResidentMib();
  const Stopwatch registering;
  for (std::size_t i = 0; i < objects; ++i) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the held value, which is never dereferenced
    void* held = reinterpret_cast<void*>(callbacks.first + i);
    GC_register_finalizer_no_order(nodes[i], OnFinalized, held, nullptr, nullptr);
  }
  const double register_seconds = registering.Seconds();
  const double resident_after = ResidentMib();

  const Stopwatch finalizing;
  std::fill_n(nodes, objects, nullptr);
  double seconds = 0;
  std::uint64_t collections = 0;
  std::uint64_t before = 0;
  // A stale word on the stack can keep an object through one collection, or through all.
  do {
    before = callbacks.count;
    BdwMemory::Collect();
    GC_invoke_finalizers();
    ++collections;
    if (callbacks.count > before) seconds = finalizing.Seconds();
  } while (callbacks.count > before && callbacks.count < objects);
  report.Measured(seconds, objects);
  report.Number("register_ns", register_seconds * per_object);
  report.Number("bytes_per_registration",
                (resident_after - resident_before) * 1048576.0 / static_cast<double>(objects));
  report.Count("collections", collections);
  BdwMemory::KeepAlive(nodes);
  // What the stack still seems to refer to is not finalized: a few objects, not more.
  report.Check(callbacks.count + 16 >= objects, "nearly every finalizer runs");
  report.Check(callbacks.count < objects || callbacks.sum == objects * (objects - 1) / 2,
               "every held value is delivered");
}

// The documented way to read a disappearing link: with the collector's lock held.
void* Reveal(void* link) {
  const GC_hidden_pointer hidden = *static_cast<GC_hidden_pointer*>(link);
  return hidden == 0 ? nullptr : GC_REVEAL_POINTER(hidden);
}

void RunDeref(const Flags& flags, Report& report) {
  const std::size_t objects = flags.Get("objects", 1'000'000);
  const std::uint64_t passes = flags.Get("passes", 20);
  Node** nodes = BdwMemory::MakeTable<Node>(objects);
  auto* links = static_cast<GC_hidden_pointer*>(
      GC_MALLOC_ATOMIC_UNCOLLECTABLE(objects * sizeof(GC_hidden_pointer)));
  for (std::size_t i = 0; i < objects; ++i) nodes[i] = BdwMemory::Make<Node>();
  for (std::size_t i = 0; i < objects; ++i) {
    links[i] = GC_HIDE_POINTER(nodes[i]);
    GC_general_register_disappearing_link(reinterpret_cast<void**>(&links[i]), nodes[i]);
  }
  const Stopwatch collecting;
  BdwMemory::Collect();
  const double collect_seconds = collecting.Seconds();
  const std::vector<std::uint32_t> order = RandomPermutation(objects);

  std::uint64_t live = 0;
  const Stopwatch watch;
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    for (const std::uint32_t index : order) {
      if (GC_call_with_alloc_lock(Reveal, &links[index]) != nullptr) ++live;
    }
  }
  report.Measured(watch.Seconds(), passes * objects);
  report.Number("collect_ms", collect_seconds * 1e3);
  report.Check(live == passes * objects, "every target is live");
  BdwMemory::KeepAlive(nodes);
}

bool RunWorkload(const Flags& flags, Report& report) {
  if (RunCommonWorkload(BdwMemory(), flags, report)) return true;
  if (flags.workload() == "finalize") {
    RunFinalize(flags, report);
  } else if (flags.workload() == "deref") {
    RunDeref(flags, report);
  } else if (flags.workload() == "mark") {
    RunMark(BdwMemory(), flags, report);
  } else {
    return false;
  }
  return true;
}

int Run(const Flags& flags) {
  Configure(flags);
  return RunRounds("bdw", flags, [&](Report& report) {
    if (!RunWorkload(flags, report)) return false;
    report.Count("cycles", GC_get_gc_no());
    report.Number("longest_stop_us", static_cast<double>(longest_stop_ns) * 1e-3);
    report.Number("all_stops_ms", static_cast<double>(all_stops_ns) * 1e-6);
    return true;
  });
}

}  // namespace
}  // namespace elegy::bench

int main(int argc, char** argv) { return elegy::bench::Run(elegy::bench::Flags(argc, argv)); }
