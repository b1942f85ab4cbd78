// A registration that takes no lock, held just before its record is live: beside the collector's
// walk over the records, and beside the heap's shutdown.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/actor.h"
#include "tests/support/held_point.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using internal::ChaosPointOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Registry = FinalizationRegistry<int>;

class WindowRegistryTest : public ::testing::Test {
 protected:
  // The first registration takes the lock, and reserves records for others.
  WindowRegistryTest() {
    home.Do([&] {
      registry = Make<Registry>([&](int held) { delivered.push_back(held); });
      targets[0] = Make<Counted>(1, census);
      targets[1] = Make<Counted>(2, census);
      ASSERT_TRUE(registry->Register(targets[0], 1).ok());
    });
  }

  void StartToRegister() {
    home.Start([&] { result = registry->Register(targets[1], 2); });
  }
  // Its record is live when the shutdown has ended.
  void RegisterBesideAShutdown() {
    HeldPoint filled(ChaosPointOf("record filled, not live"));
    StartToRegister();
    filled.Await();
    std::thread([&] {
      const Mutator mutator(heap);
      heap.Shutdown(ShutdownPolicy::kDrop);
    }).join();
    filled.Release();
    home.Await();
    EXPECT_TRUE(result.ok());
  }
  void CollectAndDeliver() {
    heap.Collect();
    home.Do([] { Mutator::Current().Safepoint(); });
  }

  Census census;
  Heap heap;  // not verified: the verifier would wait for a mutator that is held
  Persistent<Counted> targets[2];
  Persistent<Registry> registry;
  std::vector<int> delivered;  // the home's
  absl::Status result;
  Actor home{heap};
};

TEST_F(WindowRegistryTest, WhatTheCollectorPassesByIsDeliveredByTheNextCycle) {
  targets[0] = nullptr;
  home.Do([] {});
  HeldPoint cleared(ChaosPointOf("cleared, nothing queued"));
  std::thread collecting([&] { heap.Collect(); });
  cleared.Await();
  HeldPoint filled(ChaosPointOf("record filled, not live"));
  StartToRegister();
  filled.Await();
  HeldPoint queued(ChaosPointOf("queued, not announced"));
  cleared.Release();
  queued.Await();
  filled.Release();
  home.Await();
  queued.Release();
  collecting.join();
  EXPECT_TRUE(result.ok());
  home.Do([] { Mutator::Current().Safepoint(); });
  EXPECT_THAT(delivered, ElementsAre(1));
  CollectAndDeliver();
  EXPECT_THAT(delivered, ElementsAre(1));
  targets[1] = nullptr;
  CollectAndDeliver();
  EXPECT_THAT(delivered, ElementsAre(1, 2));
}

// The shutdown does not wait for it.
TEST_F(WindowRegistryTest, WhatAShutdownPassesByIsDroppedWithinTwoCycles) {
  RegisterBesideAShutdown();
  home.Do([&] { EXPECT_TRUE(absl::IsFailedPrecondition(registry->Register(targets[1], 3))); });
  CollectAndDeliver();
  CollectAndDeliver();
  HeapStats stats = heap.Stats();
  EXPECT_EQ(stats.records_registered, 2u);
  EXPECT_EQ(stats.records_dropped, 2u);
  targets[0] = targets[1] = nullptr;
  CollectAndDeliver();
  stats = heap.Stats();
  EXPECT_EQ(stats.records_queued, 0u);
  EXPECT_THAT(delivered, IsEmpty());
}

// To the next shutdown its target is as any other object.
TEST_F(WindowRegistryTest, WhatAShutdownPassesByIsNotForTheNextOneToDeliver) {
  RegisterBesideAShutdown();
  const WeakPersistent<Counted> view(targets[1].get());
  home.Do([&] {
    EXPECT_EQ(heap.Shutdown(ShutdownPolicy::kDeliverAll), 0u);
    EXPECT_EQ(view.Get(), targets[1]);
  });
  EXPECT_EQ(heap.Stats().records_dropped, 2u);
  EXPECT_THAT(delivered, IsEmpty());
}

class WindowReadyTest : public ::testing::Test {
 protected:
  WindowReadyTest() {
    home.Do([&] {
      RegistryOptions options;
      options.on_ready = [&] { ready++; };
      registry = Make<Registry>([&](int held) { delivered.push_back(held); }, std::move(options));
      for (int i = 0; i < 3; i++) {
        targets[i] = Make<Counted>(static_cast<std::uint64_t>(i), census);
        ASSERT_TRUE(registry->Register(targets[i], i).ok());
      }
    });
    home.Block();
  }

  // It stays blocked, as one that sleeps until on_ready wakes it.
  int CleanUp() {
    int ran = 0;
    home.Do([&] { ran = static_cast<int>(registry->CleanupSome()); });
    return ran;
  }

  Census census;
  Heap heap;
  Persistent<Counted> targets[3];
  Persistent<Registry> registry;
  std::atomic<int> ready = 0;
  std::vector<int> delivered;  // the home's
  Actor home{heap};
};

// Who comes between the count and the queue runs what is there, and goes to sleep.
TEST_F(WindowReadyTest, WhatComesWhileTheQueueIsDrainedIsAnnounced) {
  targets[0] = nullptr;
  heap.Collect();
  ASSERT_EQ(ready, 1);
  targets[1] = nullptr;
  HeldPoint counted(ChaosPointOf("records counted, not queued"));
  std::thread collecting([&] { heap.Collect(); });
  counted.Await();
  EXPECT_EQ(CleanUp(), 1);
  counted.Release();
  collecting.join();
  EXPECT_EQ(ready, 2);
  targets[2] = nullptr;
  heap.Collect();
  EXPECT_EQ(ready, 2);  // more has joined what has been announced
  EXPECT_EQ(CleanUp(), 2);
  EXPECT_THAT(delivered, ElementsAre(0, 1, 2));
}

}  // namespace
}  // namespace elegy::test
