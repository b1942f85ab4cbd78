// A registration that takes no lock, held just before its record is live: beside the collector's
// walk over the records, and beside the heap's shutdown. And who takes out what has been cancelled.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/actor.h"
#include "tests/support/heap_fixture.h"
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

// What comes later on the list of who runs it does not wait for what comes first.
TEST_F(WindowReadyTest, ARegistryWhoseRecordsAreStillToComeHoldsUpNoOther) {
  Persistent<Registry> other;
  Persistent<Counted> target;
  home.Do([&] {
    other = Make<Registry>([&](int held) { delivered.push_back(held); });
    target = Make<Counted>(9, census);
    ASSERT_TRUE(other->Register(target, 9).ok());
  });
  targets[0] = nullptr;
  heap.Collect();
  EXPECT_EQ(CleanUp(), 1);  // which leaves it on the list
  targets[1] = target = nullptr;
  HeldPoint counted(ChaosPointOf("records counted, not queued"));
  std::thread collecting([&] { heap.Collect(); });
  counted.Await();
  counted.Release();
  collecting.join();
  HeldPoint again(ChaosPointOf("records counted, not queued"));
  targets[2] = nullptr;
  EXPECT_EQ(CleanUp(), 1);
  std::thread once_more([&] { heap.Collect(); });
  again.Await();
  home.Do([] { Mutator::Current().Safepoint(); });
  EXPECT_THAT(delivered, ElementsAre(0, 1, 9));
  again.Release();
  once_more.join();
  home.Do([] { Mutator::Current().Safepoint(); });
  EXPECT_THAT(delivered, ElementsAre(0, 1, 9, 2));
}

// Registers more records each time that the collector has let go of the registry's lock.
class Registrar {
 public:
  static constexpr int kMost = 100;

  explicit Registrar(Heap& heap) : writer_(heap) {
    writer_.Do([this] {
      registry_ = Make<Registry>([](int) {});
      target_ = Make<Counted>(1, census_);
      Register();
    });
  }
  ~Registrar() {
    internal::AtNextPassage(0, nullptr, nullptr);
    writer_.Do([this] {
      registry_ = nullptr;
      target_ = nullptr;
    });
  }

  void Watch() {
    internal::AtNextPassage(ChaosPointOf("records counted, not queued"), &Passed, this);
  }
  int passages() const { return passages_; }

 private:
  static void Passed(void* registrar) { static_cast<Registrar*>(registrar)->Passed(); }
  void Passed() {
    if (++passages_ == kMost) return;
    writer_.Do([this] { Register(); });
    Watch();
  }
  void Register() {
    for (int i = 0; i < 2000; i++) ASSERT_TRUE(registry_->Register(target_, i).ok());
  }

  Census census_;
  Actor writer_;
  Persistent<Registry> registry_;
  Persistent<Counted> target_;
  int passages_ = 0;
};

TEST(WindowRecordsTest, TheWalkEndsThoughMoreAreRegisteredAllTheTime) {
  Heap heap;
  Registrar registrar(heap);
  registrar.Watch();
  heap.Collect();
  EXPECT_GT(registrar.passages(), 1);
  EXPECT_LT(registrar.passages(), Registrar::kMost);
}

// How often a point is passed, by whatever thread.
class Passages {
 public:
  explicit Passages(std::uint64_t point) : point_(point) { Watch(); }
  Passages(const Passages&) = delete;
  Passages& operator=(const Passages&) = delete;
  ~Passages() { internal::AtNextPassage(0, nullptr, nullptr); }

  int count() const { return count_; }

 private:
  static void Passed(void* passages) { static_cast<Passages*>(passages)->Passed(); }
  void Passed() {
    count_++;
    Watch();
  }
  void Watch() { internal::AtNextPassage(point_, &Passed, this); }

  const std::uint64_t point_;
  std::atomic<int> count_{0};
};

// Many records that have been cancelled while queued, and one behind them that has not.
class WindowCancelledTest : public HeapTest {
 protected:
  static constexpr int kParts = 10;  // of what one hold of the registry's lock takes out

  WindowCancelledTest() : registry(Make<Registry>([&](int held) { delivered.push_back(held); })) {
    const Persistent<Counted> token(Make<Counted>(1, census));
    const Persistent<Counted> other_token(Make<Counted>(1, census));
    NoInline([&] {
      for (int i = 0; i < kParts * 256; i++) {
        ASSERT_TRUE(registry->Register(Make<Counted>(2, census), i, token).ok());
      }
      ASSERT_TRUE(registry->Register(Make<Counted>(3, census), -1, other_token).ok());
    });
    heap().Collect(StackState::kNoPointers);
    EXPECT_TRUE(*registry->Unregister(token));
  }

  Census census;
  std::vector<int> delivered;
  const Persistent<Registry> registry;
};

TEST_F(WindowCancelledTest, TheCollectorTakesThemOutPartByPart) {
  const Passages passages(ChaosPointOf("cancelled taken out"));
  heap().Collect(StackState::kNoPointers);
  EXPECT_GE(passages.count(), kParts - 1);
  EXPECT_EQ(registry->CleanupSome(), 1u);
  EXPECT_THAT(delivered, ElementsAre(-1));
}

TEST_F(WindowCancelledTest, ADrainTakesThemOutPartByPart) {
  const Passages passages(ChaosPointOf("cancelled taken out"));
  EXPECT_EQ(registry->CleanupSome(), 1u);
  EXPECT_GE(passages.count(), kParts - 1);
  EXPECT_THAT(delivered, ElementsAre(-1));
}

}  // namespace
}  // namespace elegy::test
