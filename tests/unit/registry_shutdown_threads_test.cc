// Heap::Shutdown beside other threads, and beside callbacks that go on or throw.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/actor.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/trouble.h"

namespace elegy::test {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

using Registry = FinalizationRegistry<int>;

struct Node {
  int value = 0;
};

class RegistryShutdownThreadsTest : public HeapTest {
 public:
  explicit RegistryShutdownThreadsTest(HeapOptions options = {}) : HeapTest(options) {}

  static void RegisterDoomed(Registry& registry, int held) {
    NoInline([&] { ASSERT_TRUE(registry.Register(Make<Node>(), held).ok()); });
  }
  static void RegisterDoomed(Registry& registry, int first, int end) {
    for (int held = first; held < end; held++) RegisterDoomed(registry, held);
  }
  void Collect() { heap().Collect(StackState::kNoPointers); }
  // For callbacks, on whatever thread.
  static void AwaitBlocked(const std::function<bool()>& condition) {
    const BlockingRegion region(Mutator::Current());
    while (!condition()) std::this_thread::yield();
  }
};

// ---- what becomes ready meanwhile ----

TEST_F(RegistryShutdownThreadsTest, WhatItsCallbacksLeaveBehindIsNotDelivered) {
  constexpr std::size_t kMost = 100;
  std::vector<int> calls;
  Persistent<Registry> registry;
  registry = Make<Registry>([&](int held) {
    calls.push_back(held);
    if (calls.size() >= kMost) return;
    RegisterDoomed(*registry, held + 1);
    Collect();
  });
  RegisterDoomed(*registry, 1);
  CollectPrecisely();
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverQueued), 1u);
  EXPECT_THAT(calls, ElementsAre(1));
  const HeapStats stats = heap().Stats();
  EXPECT_EQ(stats.records_queued, 2u);
  EXPECT_EQ(stats.records_dropped, 1u);
}

// Cycles follow each other closely.
class RegistryShutdownFloodTest : public RegistryShutdownThreadsTest {
 public:
  RegistryShutdownFloodTest() : RegistryShutdownThreadsTest({.initial_heap_bytes = 1 << 16}) {}
};

TEST_F(RegistryShutdownFloodTest, EndsBesideAThreadThatRegistersFasterThanCallbacksRun) {
  constexpr int kRecords = 2000;
  std::atomic<bool> has_begun{false};
  std::atomic<bool> has_ended{false};
  const Persistent registry = Make<Registry>([&](int) {
    has_begun = true;
    const BlockingRegion region(Mutator::Current());  // or cycles would wait
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(20);
    while (std::chrono::steady_clock::now() < until) {
    }
  });
  std::thread other([&] {
    Mutator guest(heap());
    while (!has_begun) guest.EndTurn();
    while (!has_ended) {
      registry->Register(Make<Node>(), 1).IgnoreError();
      guest.EndTurn();
    }
  });
  RegisterDoomed(*registry, 0, kRecords);
  while (heap().Stats().records_queued < kRecords) Collect();
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverQueued), std::size_t{kRecords});
  has_ended = true;
  const BlockingRegion region(mutator());
  other.join();
}

// ---- who runs what ----

// A safepoint that has begun to run callbacks leaves the others to a shutdown.
TEST_F(RegistryShutdownThreadsTest, ASafepointStopsAfterItsCallback) {
  constexpr int kRecords = 50;
  std::mutex mutex;
  std::vector<std::thread::id> threads;
  std::atomic<int> calls{0};
  std::atomic<int> homes_calls{0};
  std::atomic<bool> is_inside{false};
  std::atomic<bool> is_through{false};
  std::thread::id homes_thread;
  Persistent<Registry> registry;
  Actor home(heap());
  home.Block();
  home.Do([&] {
    const std::thread::id its_thread = std::this_thread::get_id();
    registry = Make<Registry>([&, its_thread](int) {
      {
        const std::lock_guard lock(mutex);
        threads.push_back(std::this_thread::get_id());
      }
      calls++;
      if (std::this_thread::get_id() == its_thread) {
        if (homes_calls++ > 0) return;
        is_inside = true;
        AwaitBlocked([&] { return calls > 1; });
      } else if (calls == 2) {
        AwaitBlocked([&] { return is_through || homes_calls > 1; });
      }
    });
  });
  RegisterDoomed(*registry, 0, kRecords);
  CollectPrecisely();
  home.Start([&] {
    homes_thread = std::this_thread::get_id();
    Mutator::Current().Safepoint();
    is_through = true;
  });
  while (!is_inside) std::this_thread::yield();
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverAll), std::size_t{kRecords - 1});
  home.Await();
  std::vector<std::thread::id> expected(kRecords, std::this_thread::get_id());
  expected[0] = homes_thread;
  EXPECT_EQ(threads, expected);
}

// In the callbacks of a shutdown safepoints run callbacks, also while another thread is in one.
TEST_F(RegistryShutdownThreadsTest, OfTwoAtOnceEachOnesCallbacksMayRunOthers) {
  constexpr int kRecords = 20;
  struct Side {
    bool has_begun = false;
    bool is_nested = false;
    std::size_t drained = 0;
    std::size_t at_safepoint = 0;
  };
  thread_local Side* side = nullptr;
  std::atomic<int> begun{0};
  std::atomic<int> done{0};
  // The first callback of each shutdown.
  const auto run_others = [&](int) {
    Side& own = *side;
    if (own.is_nested) own.at_safepoint++;
    if (std::exchange(own.has_begun, true)) return;
    begun++;
    AwaitBlocked([&] { return begun == 2; });
    own.drained = Mutator::Current().DrainFinalization(1);
    own.is_nested = true;
    Mutator::Current().Safepoint();
    own.is_nested = false;
    done++;
    AwaitBlocked([&] { return done == 2; });
  };
  Side here;
  Side there;
  std::size_t ran_there = 0;
  Persistent<Registry> its;
  Actor other(heap());
  const Persistent<Registry> own(Make<Registry>(run_others));
  other.Do([&] { its = Make<Registry>(run_others); });
  other.Block();
  RegisterDoomed(*own, 0, kRecords);
  RegisterDoomed(*its, 0, kRecords);
  CollectPrecisely();
  ASSERT_EQ(heap().Stats().records_queued, std::uint64_t{2 * kRecords});
  other.Start([&] {
    side = &there;
    ran_there = heap().Shutdown(ShutdownPolicy::kDeliverQueued);
  });
  side = &here;
  const std::size_t ran_here = heap().Shutdown(ShutdownPolicy::kDeliverQueued);
  {
    const BlockingRegion region(mutator());
    other.Await();
  }
  for (const Side& each : {here, there}) {
    EXPECT_EQ(each.drained, 1u);
    EXPECT_GT(each.at_safepoint, 0u);
  }
  const std::size_t nested = 2 + here.at_safepoint + there.at_safepoint;
  EXPECT_EQ(ran_here + ran_there + nested, std::size_t{2 * kRecords});
}

// ---- exceptions ----

// Who was told of records, and then kept from running them, is told again.
TEST_F(RegistryShutdownThreadsTest, WhatAnExceptionLeavesIsAnnouncedAnew) {
  std::atomic<int> ready{0};
  std::vector<int> calls;
  const auto make = [&] {
    RegistryOptions options;
    options.on_ready = [&ready] { ready++; };
    return Persistent(Make<Registry>(
        [&calls](int held) {
          calls.push_back(held);
          if (calls.size() == 1) throw Trouble();
        },
        std::move(options)));
  };
  const Persistent<Registry> registry = make();
  const Persistent<Registry> another = make();
  RegisterDoomed(*registry, 0, 3);
  RegisterDoomed(*another, 3, 6);
  CollectPrecisely();
  ASSERT_EQ(ready, 2);
  EXPECT_THROW(heap().Shutdown(ShutdownPolicy::kDeliverQueued), Trouble);
  EXPECT_THAT(calls, SizeIs(1));
  EXPECT_EQ(ready, 2);
  Collect();
  EXPECT_EQ(ready, 4);
  mutator().Safepoint();
  EXPECT_THAT(calls, UnorderedElementsAre(0, 1, 2, 3, 4, 5));
  Collect();
  EXPECT_EQ(ready, 4);
}

}  // namespace
}  // namespace elegy::test
