// One thread drops very many objects at once, whose callbacks it runs, or which have none; another
// mutator replaces nodes all the while, each operation timed. Objects with callbacks and objects
// without take turns, for the same time each, so that the other's longest operations compare.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "bench/support/clock.h"
#include "bench/support/histogram.h"
#include "bench/support/random.h"
#include "bench/workloads/churn.h"
#include "bench/workloads/elegy_registered.h"
#include "bench/workloads/elegy_weak.h"

namespace elegy::bench {
namespace {

enum class Part : std::size_t { kPreparing, kWithout, kWith, kEnd };

// The other mutator. An operation counts for the part in which it begins.
class Bystander {
 public:
  Bystander(Heap& heap, std::size_t live_mib)
      : nodes_(live_mib * (1 << 20) / kChurnNodeBytes), thread_([this, &heap] { Run(heap); }) {}

  void Begin(Part part) { part_.store(part); }

  // Whether every node was whole at the end.
  bool Join() {
    Begin(Part::kEnd);
    thread_.join();
    return is_whole_;
  }

  // After Join.
  const Histogram& Of(Part part) const { return latency_[static_cast<std::size_t>(part)]; }

 private:
  using Node = ChurnNode<ElegyMemory>;

  void Run(Heap& heap) {
    Mutator mutator(heap);
    const ElegyMemory memory(heap, mutator);
    const Table<ElegyMemory, Node> table = memory.MakeTable<Node>(nodes_);
    for (std::size_t i = 0; i < nodes_; ++i) table[i] = memory.Make<Node>();

    Random random;
    std::int64_t key = 0;
    std::uint64_t last = NowNs();
    for (Part part = part_.load(); part != Part::kEnd; part = part_.load()) {
      const std::size_t slot = random.Below(nodes_);
      ReplaceNode(memory, table, slot, slot + 1 == nodes_ ? 0 : slot + 1, ++key);
      const std::uint64_t now = NowNs();
      latency_[static_cast<std::size_t>(part)].Add(now - last);
      last = now;
    }
    is_whole_ = IsWhole<ElegyMemory>(table, nodes_, key);
    memory.KeepAlive(table);
  }

  std::size_t nodes_;
  std::array<Histogram, 3> latency_;  // by Part
  bool is_whole_ = false;
  std::atomic<Part> part_ = Part::kPreparing;
  std::thread thread_;  // last: it uses the others
};

// Drops the nodes and runs what is due for them, and then nothing, for so long at least.
void DropAll(ElegyMemory memory, Persistent<PairNodes>& nodes, std::uint64_t least_ns) {
  const std::uint64_t start = NowNs();
  nodes = nullptr;
  memory.Collect();
  memory.mutator().DrainFinalization();
  while (NowNs() - start < least_ns) memory.mutator().Safepoint();
}

}  // namespace

void RunFinalizeBeside(ElegyMemory memory, const Flags& flags, Report& report) {
  const std::uint64_t objects = flags.Get("objects", 1'000'000);
  const std::uint64_t passes = flags.Get("passes", 5);
  const std::uint64_t least_ns = flags.Get("milliseconds", 500) * 1'000'000;
  std::uint64_t callbacks = 0;
  Persistent<NumberRegistry> registry =
      memory.Make<NumberRegistry>([&callbacks](std::int64_t) { ++callbacks; });

  Bystander other(memory.heap(), flags.Get("live_mib", 16));
  const Stopwatch watch;
  for (std::uint64_t pass = 0; pass < passes; ++pass) {
    for (const Part part : {Part::kWithout, Part::kWith}) {
      Persistent<PairNodes> nodes = MakePairNodes(memory, objects);
      if (part == Part::kWith) {
        report.Check(RegisterAll(registry.get(), nodes.get()), "every object can be registered");
      }
      other.Begin(part);
      DropAll(memory, nodes, least_ns);
      other.Begin(Part::kPreparing);
    }
  }
  const double seconds = watch.Seconds();
  {
    const BlockingRegion region(memory.mutator());
    report.Check(other.Join(), "the other mutator's nodes are whole");
  }

  const Histogram& without = other.Of(Part::kWithout);
  const Histogram& with = other.Of(Part::kWith);
  report.Measured(seconds, without.total() + with.total());
  report.Number("without_p9999_us", without.QuantileUs(0.9999));
  report.Number("with_p9999_us", with.QuantileUs(0.9999));
  report.Number("without_max_us", without.MaxUs());
  report.Number("with_max_us", with.MaxUs());
  report.Number("longest_ratio", with.MaxUs() / without.MaxUs());
  report.Check(callbacks == passes * objects, "every callback runs once");
}

}  // namespace elegy::bench
