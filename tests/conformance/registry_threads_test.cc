// FinalizationRegistry with several mutators: each record once, whoever makes, kills and delivers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/conformance/fixture.h"
#include "tests/support/actor.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using ::testing::ElementsAre;

using Registry = FinalizationRegistry<int>;

class RegistryThreadsConformance : public ThreadsConformanceTest {
 public:
  // Counts deliveries by held value, on whatever thread.
  Persistent<Registry> NewRegistry(std::deque<std::atomic<int>>& counts) {
    RegistryOptions options;
    options.run_on = RegistryOptions::RunOn::kAnyMutator;
    return Persistent(Make<Registry>(
        [&counts](int held) { counts[static_cast<std::size_t>(held)]++; }, std::move(options)));
  }
};

// Every choice of who makes the registry, the target, the held value and the token.
TEST_F(RegistryThreadsConformance, I2_WhoMadeWhatMakesNoDifference) {
  using ObjectRegistry = FinalizationRegistry<Member<Node>>;
  Actor actor(heap());
  const auto on = [&](bool there, const std::function<void()>& f) { there ? actor.Do(f) : f(); };
  for (int choice = 0; choice < 64; choice++) {
    SCOPED_TRACE(choice);
    const bool reachable = (choice & 16) != 0;
    const bool cancelled = (choice & 32) != 0;
    std::atomic<int> calls = 0;
    Persistent<ObjectRegistry> registry;
    Persistent<Node> target, held, token;
    on((choice & 1) != 0,
       [&] { registry = Make<ObjectRegistry>([&](Node* given) { calls += given->value; }); });
    on((choice & 2) != 0, [&] { target = Make<Node>(); });
    on((choice & 4) != 0, [&] { held = Make<Node>(1); });
    on((choice & 8) != 0, [&] { token = Make<Node>(); });
    ASSERT_TRUE(registry->Register(target, Member<Node>(held), token).ok());
    held = nullptr;
    CollectAndDeliver();
    EXPECT_EQ(calls, 0);
    // By the thread that has not made the token.
    if (cancelled) on((choice & 8) == 0, [&] { EXPECT_TRUE(*registry->Unregister(token)); });
    target = nullptr;
    if (!reachable) registry = nullptr;
    for (int i = 0; i < 2; i++) {
      CollectAndDeliver();
      actor.Do([] { Mutator::Current().Safepoint(); });
    }
    if (cancelled) {
      EXPECT_EQ(calls, 0);
    } else if (reachable) {
      EXPECT_EQ(calls, 1);
    } else {
      EXPECT_LE(calls, 1);
    }
  }
}

TEST_F(RegistryThreadsConformance, J8_ThreadsThatCollectThemselvesGetEachRecordOnce) {
  constexpr int kThreads = 4;
  const int records = static_cast<int>(Scaled(600));
  std::deque<std::atomic<int>> counts(static_cast<std::size_t>(kThreads * records));
  std::deque<std::atomic<bool>> unregistered(counts.size());
  const auto registry = NewRegistry(counts);
  RunBesideCycles(kThreads, [&](int thread, Mutator& mutator) {
    Random random(static_cast<std::uint64_t>(thread));
    for (int i = thread * records; i < (thread + 1) * records; i++) {
      const Persistent token(Make<Node>());
      ASSERT_TRUE(registry->Register(Make<Node>(), i, token).ok());
      if (random.OneIn(3)) {
        unregistered[static_cast<std::size_t>(i)] = *registry->Unregister(token);
      }
      if (random.OneIn(50)) heap().Collect(StackState::kNoPointers);
      if (random.OneIn(5)) mutator.EndTurn(StackState::kNoPointers);
    }
  });
  for (int i = 0; i < 2; i++) CollectAndDeliver();
  for (std::size_t i = 0; i < counts.size(); i++) ASSERT_EQ(counts[i], unregistered[i] ? 0 : 1);
}

TEST_F(RegistryThreadsConformance, J12_ThreadsThatAreGoneAreFinalizedByOthersButNotInACycle) {
  constexpr int kThreads = 50;
  std::deque<std::atomic<int>> counts(kThreads);
  const auto registry = NewRegistry(counts);
  {
    const BlockingRegion region(mutator());
    for (int i = 0; i < kThreads; i++) {
      std::thread([&, i] {
        const Mutator attached(heap());
        ASSERT_TRUE(registry->Register(Make<Node>(), i).ok());
      }).join();
    }
  }
  for (int i = 0; i < 3; i++) Collect();
  for (const auto& count : counts) EXPECT_EQ(count, 0);
  mutator().Safepoint();
  for (const auto& count : counts) EXPECT_EQ(count, 1);
}

TEST_F(RegistryThreadsConformance, L5_UnregisterAndDeliveryNeverBothWin) {
  const int records = static_cast<int>(Scaled(3000));
  std::deque<std::atomic<int>> counts(static_cast<std::size_t>(records));
  std::vector<int> cancelled(static_cast<std::size_t>(records));
  const auto registry = NewRegistry(counts);
  const Persistent tokens(MakeArray<Member<Node>>(cancelled.size()));
  for (std::size_t i = 0; i < cancelled.size(); i++) {
    (*tokens)[i] = Make<Node>();
    ASSERT_TRUE(registry->Register(Make<Node>(), static_cast<int>(i), (*tokens)[i]).ok());
  }
  CollectPrecisely();
  std::atomic<bool> done = false;
  RunBesideCycles(3, [&](int thread, Mutator& mutator) {
    if (thread == 0) {
      for (std::size_t i = 0; i < cancelled.size(); i++) {
        cancelled[i] = *registry->Unregister((*tokens)[i]) ? 1 : 0;
        if (i % 16 == 0) mutator.DrainFinalization(1);
      }
      done = true;
    } else {
      while (!done) {
        mutator.DrainFinalization(3);
        std::this_thread::yield();
      }
    }
  });
  CollectAndDeliver();
  for (std::size_t i = 0; i < cancelled.size(); i++) ASSERT_EQ(counts[i] + cancelled[i], 1) << i;
}

TEST_F(RegistryThreadsConformance, L6_ARegistryDroppedWhileItsCallbackRunsElsewhereStaysWhole) {
  Actor actor(heap());
  auto sentinel = std::make_shared<int>(7);
  const std::weak_ptr<int> watch = sentinel;
  std::latch entered(1);
  std::latch dropped(1);
  std::atomic<int> seen = 0;
  Persistent<Registry> registry;
  const WeakPersistent<Registry> weak = [&] {
    RegistryOptions options;
    options.run_on = RegistryOptions::RunOn::kAnyMutator;
    registry = Make<Registry>(
        [&, sentinel](int held) {
          entered.count_down();
          {
            const BlockingRegion region(Mutator::Current());
            dropped.wait();
          }
          seen = *sentinel + held;
        },
        std::move(options));
    return WeakPersistent<Registry>(registry.get());
  }();
  sentinel.reset();
  ASSERT_TRUE(registry->Register(Make<Node>(), 1).ok());
  Collect();
  actor.Start([] { Mutator::Current().Safepoint(); });
  entered.wait();
  registry = nullptr;
  for (int i = 0; i < 3; i++) Collect();
  EXPECT_FALSE(watch.expired());
  dropped.count_down();
  actor.Await();
  EXPECT_EQ(seen, 8);
  for (int i = 0; i < 2; i++) CollectAndDeliver();
  EXPECT_EQ(weak.Get(), nullptr);
  EXPECT_TRUE(watch.expired());
}

TEST_F(RegistryThreadsConformance, L7_ADetachedMutatorsRegistrationsAndRefsGoOn) {
  std::vector<int> calls;
  std::thread::id ran_on;
  Persistent<Registry> registry;
  Persistent<WeakRef<Node>> ref;
  auto later = NewNode();
  {
    Actor actor(heap());
    actor.Do([&] {
      registry = Make<Registry>([&](int held) {
        calls.push_back(held);
        ran_on = std::this_thread::get_id();
      });
      ref = Make<WeakRef<Node>>(later);
      ASSERT_TRUE(registry->Register(later, 1).ok());
    });
  }
  CollectAndDeliver();
  EXPECT_EQ(ref->Deref(), later.get());
  EndTurn();
  later = nullptr;
  CollectAndDeliver();
  EXPECT_TRUE(ref->IsCleared());
  EXPECT_THAT(calls, ElementsAre(1));
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

}  // namespace
}  // namespace elegy::test
