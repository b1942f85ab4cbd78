// More mutators than cores: who has answered a handshake sleeps, so that the others get to their
// safepoints; where each running mutator has a core of its own, none does.

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <atomic>
#include <latch>
#include <numeric>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

#if defined(__has_feature)
#define ELEGY_TEST_HAS_FEATURE(x) __has_feature(x)
#else
#define ELEGY_TEST_HAS_FEATURE(x) 0
#endif

namespace elegy::test {
namespace {

// Whether this is built with a sanitizer whose runtime sleeps for locks of its own, so that more
// sleeps are counted than the library's.
constexpr bool kSanitizerSleeps =
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    ELEGY_TEST_HAS_FEATURE(address_sanitizer) || ELEGY_TEST_HAS_FEATURE(thread_sanitizer)
    true;
#else
    false;
#endif

// How often the calling thread has gone to sleep by itself.
long Sleeps() {
  rusage usage = {};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

// Those that the calling thread may run on.
std::vector<int> Cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  std::vector<int> cores;
  for (int i = 0; i < CPU_SETSIZE; i++) {
    if (CPU_ISSET(i, &set)) cores.push_back(i);
  }
  return cores;
}

// Lets the calling thread run on these alone.
void RunOn(const std::vector<int>& cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(core, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

class MutatorCrowdTest : public HeapTest {
 protected:
  // Runs body(i, begun) on so many threads while this one collects so many times; begun is counted
  // down by each before the first cycle. What they return.
  template <class Body>
  std::vector<long> RunBesideCycles(int threads, int cycles, Body body) {
    std::vector<long> results(threads);
    std::latch begun(threads);
    std::vector<std::thread> running;
    running.reserve(results.size());
    for (int i = 0; i < threads; i++) {
      running.emplace_back([&, i] { results[i] = body(i, begun); });
    }
    begun.wait();
    for (int i = 0; i < cycles; i++) heap().Collect();
    done_ = true;
    done_.notify_all();
    for (std::thread& thread : running) thread.join();
    return results;
  }

  // Passes safepoints until the cycles are over; how often it slept: also for a lock, of which
  // handshake 2 takes one.
  long PassSafepoints(Mutator& mutator) {
    const long before = Sleeps();
    while (!done_) mutator.Safepoint();
    return Sleeps() - before;
  }

  // To verify the heap, the collector holds each that runs, once in each cycle: so it sleeps.
  static int HoldsPerCycle() { return TestOptions().verify ? 1 : 0; }

  std::atomic<bool> done_{false};
};

// In each of a cycle's five handshakes all may sleep but the one that answers last.
TEST_F(MutatorCrowdTest, WhoHasAnsweredLeavesItsCoreToTheOthers) {
  constexpr int kCycles = 20;
  const int threads = 4 * static_cast<int>(Cores().size());
  const std::vector<long> sleeps =
      RunBesideCycles(threads, kCycles, [this](int /*i*/, std::latch& begun) {
        Mutator mutator(heap());
        begun.count_down();
        return PassSafepoints(mutator);
      });
  EXPECT_GT(std::accumulate(sleeps.begin(), sleeps.end(), 0L), 2L * kCycles * threads);
}

TEST_F(MutatorCrowdTest, ThreadsInBlockingRegionsAreNoCrowd) {
  if (kSanitizerSleeps) GTEST_SKIP() << "the sanitizer's own sleeps would be counted";
  constexpr int kCycles = 100;
  const int threads = 4 * static_cast<int>(Cores().size());
  const std::vector<long> sleeps =
      RunBesideCycles(threads, kCycles, [this](int i, std::latch& begun) {
        Mutator mutator(heap());
        if (i == 0) {
          begun.count_down();
          return PassSafepoints(mutator);
        }
        const BlockingRegion region(mutator);
        begun.count_down();
        done_.wait(false);
        return 0L;
      });
  EXPECT_LT(std::accumulate(sleeps.begin(), sleeps.end(), 0L),
            HoldsPerCycle() * kCycles + kCycles * 3 / 4);
}

// The thread that makes the heap may run on one core, and its collector with it.
class PinnedThread {
 protected:
  PinnedThread() { RunOn({cores_.front()}); }
  ~PinnedThread() { RunOn(cores_); }

  const std::vector<int> cores_ = Cores();
};

class PinnedMutatorCrowdTest : public PinnedThread, public MutatorCrowdTest {};

TEST_F(PinnedMutatorCrowdTest, ThreadsWithACoreEachAreNoCrowd) {
  if (kSanitizerSleeps) GTEST_SKIP() << "the sanitizer's own sleeps would be counted";
  constexpr int kCycles = 100;
  const int threads = static_cast<int>(cores_.size());
  const std::vector<long> sleeps =
      RunBesideCycles(threads, kCycles, [this](int i, std::latch& begun) {
        RunOn({cores_[i]});
        Mutator mutator(heap());
        begun.count_down();
        return PassSafepoints(mutator);
      });
  EXPECT_LT(std::accumulate(sleeps.begin(), sleeps.end(), 0L),
            HoldsPerCycle() * kCycles * threads + kCycles * threads * 3 / 2);
}

}  // namespace
}  // namespace elegy::test
