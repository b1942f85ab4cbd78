// A program that lives long: threads come and go, share, weakly hold, cache and register objects,
// and in each round everything dies; then a thread does the same on another heap while its requests
// for memory fail at random. Nothing may be left over: every object made has been destroyed, every
// registration has been delivered, cancelled or dropped, and the process takes no more memory than
// in its early rounds.
//
// Usage: elegy_soak SECONDS
//
// Prints a line for each round and, as key=value, its figures; fails if something does not add up.
// ELEGY_TEST_SEED repeats what the threads choose.

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
#include "tests/faults/faults.h"
#include "tests/soak/mix.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kThreads = 3;
constexpr std::size_t kActs = 200'000;  // of each thread in each round
constexpr std::size_t kActsOfTurn = 64;
constexpr std::size_t kFaultyActs = 20'000;  // in each round
constexpr std::size_t kFaultWithin = 16;     // requests
// Rounds until the process is as large as it gets, and what it may be larger later on.
constexpr int kWarmUpRounds = 5;
constexpr std::size_t kTolerance = std::size_t{32} << 20;

template <class F>
void OnMutator(Heap& heap, F&& f) {
  RunThreads(1, [&](int) {
    const Mutator mutator(heap);
    f();
  });
}

// A heap with what becomes of what is made on it.
struct Life {
  explicit Life(HeapOptions options = {}) : heap(TestOptions(options)) {}

  // Begins a mix, has f use it, and lets everything die. False if something is left over.
  template <class F>
  bool Round(F&& f) {
    std::optional<Mix> mix;
    OnMutator(heap, [&] { mix.emplace(census, callbacks); });
    f(*mix);
    OnMutator(heap, [&] { mix.reset(); });
    heap.Collect();
    // A registry with records queued lives until they have run.
    OnMutator(heap, [] { Mutator::Current().DrainFinalization(); });
    for (int i = 0; i < 2; i++) heap.Collect();
    const HeapStats stats = heap.Stats();
    return census.made == census.destroyed && stats.records_registered == Accounted(stats) &&
           stats.records_delivered == callbacks;
  }

  static std::uint64_t Accounted(const HeapStats& stats) {
    return stats.records_delivered + stats.records_cancelled + stats.records_dropped;
  }

  Census census;
  std::atomic<std::uint64_t> callbacks{0};
  Heap heap;
};

class Soak {
 public:
  Soak() { StartTestChaos(); }

  // False if something is left over.
  bool RunRound() {
    rounds_++;
    const bool sound = RunThreadsRound() && RunFaultsRound();
    resident_ = ResidentBytes();
    if (rounds_ <= kWarmUpRounds) resident_early_ = std::max(resident_early_, resident_);
    PrintRound();
    // ThreadSanitizer's runtime keeps something of each thread and each address that ever was.
    return sound && (UnderThreadSanitizer() || resident_ <= resident_early_ + kTolerance);
  }

  void PrintFigures() const {
    const auto print = [](const char* name, std::uint64_t figure) {
      std::printf("%s=%llu\n", name, Number(figure));
    };
    const Figures figures = Now();
    print("rounds", rounds_);
    print("cycles", figures.cycles);
    print("operations", acts_);
    print("objects", figures.objects);
    print("records", figures.records);
    print("accounted", figures.accounted);
    print("faults", faults_);
    print("memory_early_kib", resident_early_ >> 10);
    print("memory_last_kib", resident_ >> 10);
  }

 private:
  // Of both heaps.
  struct Figures {
    std::uint64_t cycles = 0, objects = 0, destroyed = 0, records = 0, accounted = 0;
  };

  bool RunThreadsRound() {
    return shared_.Round([&](Mix& mix) {
      BackToBackCycles cycles(shared_.heap);
      RunThreads(kThreads, [&](int thread) {
        Random random(rounds_ * (kThreads + 1) + static_cast<std::uint64_t>(thread));
        Mutator mutator(shared_.heap);
        for (std::size_t act = 0; act < Scaled(kActs); act++) {
          mix.Act(random);
          if (act % kActsOfTurn == 0) mutator.EndTurn();
        }
      });
      acts_ += kThreads * Scaled(kActs);
    });
  }

  // No cycle runs while a request may fail: want of memory for the collector's own work is fatal.
  bool RunFaultsRound() {
    return faulty_.Round([&](Mix& mix) {
      OnMutator(faulty_.heap, [&] {
        Random random(rounds_ * (kThreads + 1) + kThreads);
        for (std::size_t act = 0; act < Scaled(kFaultyActs);) {
          Faults faults(1 + random.Below(kFaultWithin),
                        random.OneIn(2) ? Faults::Extent::kOne : Faults::Extent::kFromThen);
          while (!faults.Struck() && act < Scaled(kFaultyActs)) {
            faults.Try([&] { mix.Act(random); });
            if (++act % kActsOfTurn == 0) Mutator::Current().EndTurn();
          }
          faults_ += faults.Struck() ? 1 : 0;
        }
      });
      acts_ += Scaled(kFaultyActs);
    });
  }

  Figures Now() const {
    Figures figures;
    for (const Life* const life : {&shared_, &faulty_}) {
      const HeapStats stats = life->heap.Stats();
      figures.cycles += stats.cycles;
      figures.objects += life->census.made;
      figures.destroyed += life->census.destroyed;
      figures.records += stats.records_registered;
      figures.accounted += Life::Accounted(stats);
    }
    return figures;
  }

  void PrintRound() const {
    const Figures figures = Now();
    std::printf(
        "round %llu: cycles %llu, acts %llu, objects %llu, destroyed %llu, records %llu, "
        "accounted for %llu, faults %llu, resident %zu KiB\n",
        Number(rounds_), Number(figures.cycles), Number(acts_), Number(figures.objects),
        Number(figures.destroyed), Number(figures.records), Number(figures.accounted),
        Number(faults_), resident_ >> 10);
    std::fflush(stdout);
  }

  static std::size_t ResidentBytes() {
    std::size_t total = 0;
    std::size_t resident = 0;
    std::ifstream("/proc/self/statm") >> total >> resident;
    return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  }

  static unsigned long long Number(std::uint64_t number) { return number; }

  Life shared_;
  Life faulty_{{.initial_heap_bytes = std::size_t{1} << 30}};
  std::uint64_t rounds_ = 0;
  std::uint64_t acts_ = 0;
  std::uint64_t faults_ = 0;
  std::size_t resident_ = 0;
  std::size_t resident_early_ = 0;
};

int Run(std::chrono::seconds time) {
  std::printf("ELEGY_TEST_SEED=%llu\n", static_cast<unsigned long long>(TestSeed()));
  const Clock::time_point end = Clock::now() + time;
  Soak soak;
  bool sound = true;
  do {
    sound = soak.RunRound();
  } while (sound && Clock::now() < end);
  if (!sound) std::printf("something is left over\n");
  soak.PrintFigures();
  return sound ? 0 : 1;
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
