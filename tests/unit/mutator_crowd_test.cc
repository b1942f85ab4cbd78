// More mutators than cores: who has answered a handshake sleeps, so that the others get to their
// safepoints; where each running mutator has a core of its own, none does.

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <numeric>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

// How often the calling thread has gone to sleep by itself.
long Sleeps() {
  rusage usage = {};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

// Those that the threads of this process may run on.
int Cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  sched_getaffinity(0, sizeof(cores), &cores);
  return std::max(1, CPU_COUNT(&cores));
}

class MutatorCrowdTest : public HeapTest {
 protected:
  // Runs body(mutator, begun) on so many threads while this one collects so many times; begun is
  // counted down by each before the first cycle. What they return.
  template <class Body>
  std::vector<long> RunBesideCycles(int threads, int cycles, Body body) {
    std::vector<long> results(threads);
    std::latch begun(threads);
    std::vector<std::thread> running;
    running.reserve(results.size());
    for (long& result : results) {
      running.emplace_back([&] {
        Mutator mutator(heap());
        result = body(mutator, begun);
      });
    }
    begun.wait();
    for (int i = 0; i < cycles; i++) heap().Collect();
    done_ = true;
    done_.notify_all();
    for (std::thread& thread : running) thread.join();
    return results;
  }

  // Passes safepoints until the cycles are over; how often it slept.
  long PassSafepoints(Mutator& mutator) {
    const long before = Sleeps();
    while (!done_) mutator.Safepoint();
    return Sleeps() - before;
  }

  const int cores_ = Cores();

  std::atomic<bool> done_{false};
};

// In each of a cycle's five handshakes all may sleep but the one that answers last.
TEST_F(MutatorCrowdTest, WhoHasAnsweredLeavesItsCoreToTheOthers) {
  constexpr int kCycles = 20;
  const int threads = 4 * cores_;
  const std::vector<long> sleeps =
      RunBesideCycles(threads, kCycles, [this](Mutator& mutator, std::latch& begun) {
        begun.count_down();
        return PassSafepoints(mutator);
      });
  EXPECT_GT(std::accumulate(sleeps.begin(), sleeps.end(), 0L), 2L * kCycles * threads);
}

TEST_F(MutatorCrowdTest, ThreadsInBlockingRegionsAreNoCrowd) {
  constexpr int kCycles = 100;
  std::atomic<bool> first{true};
  const std::vector<long> sleeps =
      RunBesideCycles(4 * cores_, kCycles, [&](Mutator& mutator, std::latch& begun) {
        if (first.exchange(false)) {
          begun.count_down();
          return PassSafepoints(mutator);
        }
        const BlockingRegion region(mutator);
        begun.count_down();
        done_.wait(false);
        return 0L;
      });
  // To verify the heap, the collector holds the one that runs once in each cycle.
  const int held = TestOptions().verify ? kCycles : 0;
  EXPECT_LT(std::accumulate(sleeps.begin(), sleeps.end(), 0L), held + kCycles / 4);
}

}  // namespace
}  // namespace elegy::test
