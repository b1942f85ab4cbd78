// More mutators than cores: who has answered a handshake sleeps, so that the others get to their
// safepoints; where each running mutator has a core of its own, none does.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <latch>
#include <numeric>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

constexpr int kCycles = 20;

// How often the calling thread has gone to sleep by itself.
long Sleeps() {
  rusage usage = {};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

class MutatorCrowdTest : public HeapTest {
 protected:
  // Runs body(mutator, begun) on so many threads while this one collects; begun is counted down
  // by each before the first cycle. What they return.
  template <class Body>
  std::vector<long> RunBesideCycles(int threads, Body body) {
    std::vector<long> results(threads);
    std::latch begun(threads);
    std::vector<std::thread> running;
    for (long& result : results) {
      running.emplace_back([&] {
        Mutator mutator(heap());
        result = body(mutator, begun);
      });
    }
    begun.wait();
    for (int i = 0; i < kCycles; i++) heap().Collect();
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

  const int cores_ = static_cast<int>(std::thread::hardware_concurrency());

  std::atomic<bool> done_{false};
};

// In each of a cycle's seven handshakes all may sleep but the one that answers last.
TEST_F(MutatorCrowdTest, WhoHasAnsweredLeavesItsCoreToTheOthers) {
  const int threads = 4 * cores_;
  const std::vector<long> sleeps =
      RunBesideCycles(threads, [this](Mutator& mutator, std::latch& begun) {
        begun.count_down();
        return PassSafepoints(mutator);
      });
  EXPECT_GT(std::accumulate(sleeps.begin(), sleeps.end(), 0L), 3L * kCycles * threads);
}

TEST_F(MutatorCrowdTest, ThreadsInBlockingRegionsAreNoCrowd) {
  std::atomic<bool> first{true};
  const std::vector<long> sleeps =
      RunBesideCycles(4 * cores_, [&](Mutator& mutator, std::latch& begun) {
        if (first.exchange(false)) {
          begun.count_down();
          return PassSafepoints(mutator);
        }
        const BlockingRegion region(mutator);
        begun.count_down();
        done_.wait(false);
        return 0L;
      });
  EXPECT_LT(std::accumulate(sleeps.begin(), sleeps.end(), 0L), kCycles / 4);
}

}  // namespace
}  // namespace elegy::test
