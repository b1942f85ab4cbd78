// A program that lives long: threads come and go, share, weakly cache and register objects, and in
// each round everything dies. Nothing may be left over: every object made has been destroyed, every
// registration has been delivered, cancelled or dropped, and the process takes no more memory than
// in its early rounds.
//
// Usage: elegy_soak SECONDS
//
// Prints a line for each round, and fails if something does not add up. ELEGY_TEST_SEED repeats
// what the threads choose.

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "elegy/elegy.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kThreads = 3;
constexpr std::size_t kSlots = 2000;
constexpr std::size_t kActs = 200'000;  // of each thread in each round
// Rounds until the process is as large as it gets, and what it may be larger later on.
constexpr int kWarmUpRounds = 5;
constexpr std::size_t kTolerance = std::size_t{32} << 20;

struct Node {
  Node(std::uint64_t id, Census& census) : counted(id, census) {}
  void Trace(Visitor& visitor) const {
    visitor.Trace(next);
    visitor.Trace(weak);
  }

  Counted counted;
  Member<Node> next;
  WeakMember<Node> weak;
};

using Slots = Array<AtomicMember<Node>>;
using Map = IterableWeakMap<Node, Member<Node>>;
using Cache = WeakCache<std::size_t, Node>;
using Registry = FinalizationRegistry<std::uint64_t>;

// What the threads of a round share.
struct Shared {
  explicit Shared(std::atomic<std::uint64_t>& callbacks)
      : slots(MakeArray<AtomicMember<Node>>(kSlots)),
        map(Make<Map>()),
        cache(Make<Cache>()),
        registry(Make<Registry>([&callbacks](std::uint64_t) { callbacks++; }, OnAnyMutator())) {}

  static RegistryOptions OnAnyMutator() {
    RegistryOptions options;
    options.run_on = RegistryOptions::RunOn::kAnyMutator;
    return options;
  }

  Persistent<Slots> slots;
  Persistent<Map> map;
  Persistent<Cache> cache;
  Persistent<Registry> registry;
};

class Soak {
 public:
  Soak() : heap_(TestOptions()) { StartTestChaos(); }

  // False if something is left over.
  bool RunRound() {
    const std::uint64_t stream = rounds_++ * kThreads;
    std::optional<Shared> shared;
    OnMutator([&] { shared.emplace(callbacks_); });
    {
      BackToBackCycles cycles(heap_);
      RunThreads(kThreads, [&](int thread) {
        Random random(stream + static_cast<std::uint64_t>(thread));
        Mutator mutator(heap_);
        for (std::size_t act = 0; act < Scaled(kActs); act++) {
          Act(*shared, random);
          if (act % 64 == 0) mutator.EndTurn();
        }
      });
    }
    OnMutator([&] { shared.reset(); });
    heap_.Collect();
    // A registry with records queued lives until they have run.
    OnMutator([] { Mutator::Current().DrainFinalization(); });
    for (int i = 0; i < 2; i++) heap_.Collect();
    return Report();
  }

 private:
  template <class F>
  void OnMutator(F&& f) {
    RunThreads(1, [&](int) {
      const Mutator mutator(heap_);
      f();
    });
  }

  void Act(Shared& shared, Random& random) {
    AtomicMember<Node>& slot = (*shared.slots)[random.Below(kSlots)];
    Node* const node = slot.load();
    if (node == nullptr || random.OneIn(4)) {
      Node* const made = Make<Node>(random.Next() | 1, census_);
      made->next = node != nullptr && random.OneIn(2) ? node : nullptr;
      made->weak = node;
      slot.store(made);
      return;
    }
    if (node->counted.id() == 0) {
      std::fprintf(stderr, "a live object has been destroyed\n");
      std::abort();
    }
    switch (random.Below(8)) {
      case 0:
        node->next = nullptr;
        break;
      case 1:
        if (Node* const weak = node->weak.Get()) slot.store(weak);
        break;
      case 2:
        if (!shared.map->Set(node, Member<Node>(node->next)).ok()) std::abort();
        break;
      case 3:
        shared.cache->GetOrMake(random.Below(kSlots), [&](std::size_t) { return node; });
        break;
      case 4:
        if (!shared.registry->Register(node, random.Next(), node).ok()) std::abort();
        break;
      case 5:
        if (!shared.registry->Unregister(node).ok()) std::abort();
        break;
      case 6:
        slot.store(shared.cache->Get(random.Below(kSlots)));
        break;
      default:
        slot.store((*shared.slots)[random.Below(kSlots)].load());
    }
  }

  static std::size_t ResidentBytes() {
    std::size_t total = 0;
    std::size_t resident = 0;
    std::ifstream("/proc/self/statm") >> total >> resident;
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  }

  bool Report() {
    const HeapStats stats = heap_.Stats();
    const std::size_t resident = ResidentBytes();
    if (rounds_ <= kWarmUpRounds) resident_early_ = std::max(resident_early_, resident);
    const std::uint64_t accounted =
        stats.records_delivered + stats.records_cancelled + stats.records_dropped;
    std::printf(
        "round %llu: cycles %llu, acts %llu, objects %llu, destroyed %llu, records %llu, "
        "accounted for %llu, resident %zu KiB\n",
        Number(rounds_), Number(stats.cycles), Number(rounds_ * kThreads * Scaled(kActs)),
        Number(census_.made), Number(census_.destroyed), Number(stats.records_registered),
        Number(accounted), resident >> 10);
    std::fflush(stdout);
    return census_.made == census_.destroyed && stats.records_registered == accounted &&
           stats.records_delivered == callbacks_ && resident <= resident_early_ + kTolerance;
  }

  static unsigned long long Number(std::uint64_t number) { return number; }

  Census census_;
  std::atomic<std::uint64_t> callbacks_{0};
  std::uint64_t rounds_ = 0;
  std::size_t resident_early_ = 0;
  Heap heap_;
};

int Run(std::chrono::seconds time) {
  std::printf("ELEGY_TEST_SEED=%llu\n", static_cast<unsigned long long>(TestSeed()));
  const Clock::time_point end = Clock::now() + time;
  Soak soak;
  do {
    if (!soak.RunRound()) {
      std::printf("something is left over\n");
      return 1;
    }
  } while (Clock::now() < end);
  return 0;
}

}  // namespace
}  // namespace elegy::test

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: elegy_soak SECONDS\n");
    return 2;
  }
  return elegy::test::Run(std::chrono::seconds(std::atoi(argv[1])));
}
