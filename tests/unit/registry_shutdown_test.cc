// Heap::Shutdown: the end of all finalization.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using ::testing::AnyOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

using Registry = FinalizationRegistry<int>;

struct Node {
  int value = 0;
  Member<Node> next;
};

class RegistryShutdownTest : public HeapTest {
 public:
  RegistryShutdownTest() : registry(NewRegistry()), living(Make<Node>(5)) {}

  Persistent<Registry> NewRegistry() {
    return Persistent(Make<Registry>([this](int held) {
      calls.push_back(held);
      threads.push_back(std::this_thread::get_id());
      on_call(held);
    }));
  }
  void Register(int held) { ASSERT_TRUE(registry->Register(living, held).ok()); }
  void RegisterDoomed(int held) {
    NoInline([&] { ASSERT_TRUE(registry->Register(Make<Node>(), held).ok()); });
  }
  void Collect() { heap().Collect(StackState::kNoPointers); }

  // Nothing is left, and nothing can be added.
  void ExpectTheEnd() {
    const std::size_t before = calls.size();
    EXPECT_TRUE(absl::IsFailedPrecondition(registry->Register(living, 99)));
    EXPECT_TRUE(absl::IsFailedPrecondition(registry->Register(living, 99, living)));
    EXPECT_TRUE(absl::IsFailedPrecondition(registry->Track(living, 99).status()));
    const auto born_later = NewRegistry();
    EXPECT_TRUE(absl::IsFailedPrecondition(born_later->Register(living, 99)));
    living = nullptr;
    for (int i = 0; i < 2; i++) {
      CollectPrecisely();
      mutator().Safepoint();
      EXPECT_EQ(mutator().DrainFinalization(), 0u);
      EXPECT_EQ(registry->CleanupSome(), 0u);
    }
    for (const auto policy :
         {ShutdownPolicy::kDeliverAll, ShutdownPolicy::kDeliverQueued, ShutdownPolicy::kDrop}) {
      EXPECT_EQ(heap().Shutdown(policy), 0u);
    }
    EXPECT_THAT(calls, SizeIs(before));
    const HeapStats stats = heap().Stats();
    EXPECT_EQ(stats.records_registered,
              stats.records_delivered + stats.records_cancelled + stats.records_dropped);
  }

  std::vector<int> calls;
  std::vector<std::thread::id> threads;
  std::function<void(int)> on_call = [](int) {};
  const Persistent<Registry> registry;
  Persistent<Node> living;
};

TEST_F(RegistryShutdownTest, DropRunsNothing) {
  Register(1);
  RegisterDoomed(2);
  Collect();
  RegisterDoomed(3);
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDrop), 0u);
  EXPECT_THAT(calls, IsEmpty());
  EXPECT_EQ(heap().Stats().records_dropped, 3u);
  ExpectTheEnd();
}

TEST_F(RegistryShutdownTest, DeliverQueuedRunsWhatIsQueued) {
  Register(1);
  RegisterDoomed(2);
  RegisterDoomed(3);
  Collect();
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverQueued), 2u);
  EXPECT_THAT(calls, UnorderedElementsAre(2, 3));
  EXPECT_EQ(heap().Stats().records_dropped, 1u);
  ExpectTheEnd();
}

// A thread that comes to safepoints all the time, and whose registry it is, runs none of them.
TEST_F(RegistryShutdownTest, RunsAllOnItsOwnThread) {
  constexpr int kRecords = 500;
  std::atomic<bool> registered{false};
  std::atomic<bool> stop{false};
  std::thread home([&] {
    Mutator guest(heap());
    const Persistent<Registry> own = NewRegistry();
    for (int i = 0; i < kRecords; i++) EXPECT_TRUE(own->Register(living, i).ok());
    registered = true;
    while (!stop) guest.Safepoint();
  });
  {
    const BlockingRegion region(mutator());
    while (!registered) std::this_thread::yield();
  }
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverAll), std::size_t{kRecords});
  stop = true;
  {
    const BlockingRegion region(mutator());
    home.join();
  }
  EXPECT_THAT(threads, Each(std::this_thread::get_id()));
  EXPECT_THAT(calls, SizeIs(kRecords));
}

// A callback may come to safepoints, which run others, as at any other time.
TEST_F(RegistryShutdownTest, ACallbackMayDrain) {
  Register(1);
  Register(2);
  std::size_t drained = 0;
  on_call = [&](int) { drained += mutator().DrainFinalization(); };
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverAll) + drained, 2u);
  EXPECT_EQ(drained, 1u);
  EXPECT_THAT(calls, UnorderedElementsAre(1, 2));
}

TEST_F(RegistryShutdownTest, DeliverAllRunsEverything) {
  Register(1);
  Register(2);
  RegisterDoomed(3);
  Collect();
  RegisterDoomed(4);
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverAll), 4u);
  EXPECT_THAT(calls, UnorderedElementsAre(1, 2, 3, 4));
  EXPECT_EQ(heap().Stats().records_dropped, 0u);
  ExpectTheEnd();
}

TEST_F(RegistryShutdownTest, WithoutRegistrationsDoesNothing) {
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverAll), 0u);
  ExpectTheEnd();
}

TEST_F(RegistryShutdownTest, HandlesAndTokensOfWhatWasDroppedDoNothing) {
  Registration cancelled = *registry->Track(living, 1);
  Registration run = *registry->Track(living, 2);
  ASSERT_TRUE(registry->Register(living, 3, living).ok());
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDrop), 0u);
  EXPECT_FALSE(cancelled.Cancel());
  EXPECT_FALSE(run.RunNow());
  EXPECT_FALSE(*registry->Unregister(living));
  EXPECT_THAT(calls, IsEmpty());
}

TEST_F(RegistryShutdownTest, HeldValuesAreReleasedByEveryPolicy) {
  for (const auto policy :
       {ShutdownPolicy::kDrop, ShutdownPolicy::kDeliverQueued, ShutdownPolicy::kDeliverAll}) {
    using Shared = FinalizationRegistry<std::shared_ptr<int>>;
    auto held = std::make_shared<int>(1);
    const std::weak_ptr<int> watch = held;
    Detach();
    Heap another(TestOptions());
    Mutator attached(another);
    const Persistent<Shared> shared(Make<Shared>([](const std::shared_ptr<int>&) {}));
    const Persistent<Node> target(Make<Node>());
    ASSERT_TRUE(shared->Register(target, std::move(held)).ok());
    another.Shutdown(policy);
    EXPECT_TRUE(watch.expired());
  }
}

// ---- kDeliverAll and the weak views of living targets ----

TEST_F(RegistryShutdownTest, DeliverAllClearsEveryWeakViewFirst) {
  struct Holder {
    WeakMember<Node> weak;
  };
  const Persistent<WeakRef<Node>> ref(Make<WeakRef<Node>>(living.get()));
  const Persistent<Holder> holder(Make<Holder>());
  holder->weak = living.get();
  const WeakPersistent<Node> weak = living.get();
  const Persistent<WeakMap<Node, int>> map(Make<WeakMap<Node, int>>());
  ASSERT_TRUE(map->Set(living, 1).ok());
  const Persistent<WeakSet<Node>> set(Make<WeakSet<Node>>());
  ASSERT_TRUE(set->Add(living).ok());
  const Persistent<IterableWeakMap<Node, int>> ordered(Make<IterableWeakMap<Node, int>>());
  ASSERT_TRUE(ordered->Set(living, 1).ok());
  const Persistent<WeakCache<int, Node>> cache(Make<WeakCache<int, Node>>());
  ASSERT_EQ(cache->GetOrMake(1, [&](int) { return living.get(); }), living);
  Register(1);
  const auto expect_cleared = [&](int) {
    EXPECT_TRUE(ref->IsCleared());
    EXPECT_EQ(ref->Deref(), nullptr);
    EXPECT_EQ(holder->weak.Get(), nullptr);
    EXPECT_EQ(weak.Get(), nullptr);
    EXPECT_FALSE(map->Has(living));
    EXPECT_EQ(map->Get(living), std::nullopt);
    EXPECT_FALSE(set->Has(living));
    EXPECT_EQ(ordered->size(), 0u);
    ordered->ForEach([](Node*, int) { ADD_FAILURE(); });
    EXPECT_EQ(cache->Get(1), nullptr);
    EXPECT_EQ(cache->size(), 0u);
  };
  on_call = expect_cleared;
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverAll), 1u);
  expect_cleared(0);
  // The target itself is untouched, and may be referred to anew.
  EXPECT_EQ(living->value, 5);
  EXPECT_EQ(Make<WeakRef<Node>>(living.get())->Deref(), living.get());
  ASSERT_TRUE(map->Set(living, 2).ok());
  EXPECT_EQ(map->Get(living), 2);
  CollectPrecisely();
  EXPECT_EQ(map->Get(living), 2);
}

TEST_F(RegistryShutdownTest, DeliverAllLeavesViewsOfOthersAlone) {
  const Persistent<Node> other(Make<Node>(1));
  const Persistent<WeakRef<Node>> ref(Make<WeakRef<Node>>(other.get()));
  const Persistent<WeakMap<Node, Member<Node>>> map(Make<WeakMap<Node, Member<Node>>>());
  ASSERT_TRUE(map->Set(other, living.get()).ok());
  Register(1);
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverAll), 1u);
  EXPECT_EQ(ref->Deref(), other);
  // A registered target as another's value is no weak view.
  EXPECT_EQ(map->Get(other), living);
}

TEST_F(RegistryShutdownTest, DeliverAllDeliversWhatItsOwnHeldValueKeptAlive) {
  std::vector<int> held_values;
  const Persistent<FinalizationRegistry<Member<Node>>> slots(
      Make<FinalizationRegistry<Member<Node>>>(
          [&](Node* held) { held_values.push_back(held->next->value); }));
  NoInline([&] {
    auto* const target = Make<Node>(3);
    ASSERT_TRUE(slots->Register(target, Make<Node>(0, target)).ok());
  });
  CollectPrecisely();
  EXPECT_THAT(held_values, IsEmpty());
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverAll), 1u);
  EXPECT_THAT(held_values, ElementsAre(3));
}

TEST_F(RegistryShutdownTest, DeliverAllDeliversARegistryAsItsOwnTarget) {
  ASSERT_TRUE(registry->Register(registry, 1, registry).ok());
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverAll), 1u);
  EXPECT_THAT(calls, ElementsAre(1));
}

TEST_F(RegistryShutdownTest, DeliverAllDropsTheRegistrationsOfADeadRegistry) {
  NoInline([&] { ASSERT_TRUE(NewRegistry()->Register(living, 1).ok()); });
  mutator().EndTurn(StackState::kNoPointers);
  Collect();
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverAll), 0u);
  EXPECT_EQ(heap().Stats().records_dropped, 1u);
}

// ---- threads ----

TEST_F(RegistryShutdownTest, RunsOtherMutatorsCallbacksHere) {
  Persistent<Registry> its;
  std::latch made(1);
  std::latch done(1);
  std::thread other([&] {
    Mutator attached(heap());
    its = NewRegistry();
    NoInline([&] { ASSERT_TRUE(its->Register(Make<Node>(), 1).ok()); });
    ASSERT_TRUE(its->Register(living, 2).ok());
    BlockingRegion region(attached);
    made.count_down();
    done.wait();
  });
  {
    BlockingRegion region(mutator());
    made.wait();
  }
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverAll), 2u);
  EXPECT_THAT(threads, ElementsAre(std::this_thread::get_id(), std::this_thread::get_id()));
  EXPECT_TRUE(absl::IsFailedPrecondition(its->Register(living, 3)));
  done.count_down();
  BlockingRegion region(mutator());
  other.join();
}

// ---- callbacks ----

TEST_F(RegistryShutdownTest, ExceptionLeavesItAndTheNextCallGoesOn) {
  constexpr int kRecords = 6;
  for (int i = 0; i < kRecords; i++) Register(i);
  on_call = [](int held) {
    if (held % 2 == 0) throw std::runtime_error("callback");
  };
  std::size_t returned = 0;
  int thrown = 0;
  for (bool going_on = true; going_on;) {
    try {
      returned = heap().Shutdown(ShutdownPolicy::kDeliverAll);
      going_on = false;
    } catch (const std::runtime_error&) {
      thrown++;
    }
  }
  EXPECT_EQ(thrown, 3);
  EXPECT_THAT(calls, UnorderedElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_LE(returned, 3u);
  EXPECT_EQ(heap().Stats().records_delivered, 6u);
  ExpectTheEnd();
}

TEST_F(RegistryShutdownTest, ExceptionLeavesDeliverQueuedToo) {
  for (int i = 0; i < 4; i++) RegisterDoomed(i);
  Collect();
  on_call = [&](int) {
    if (calls.size() == 2) throw std::runtime_error("callback");
  };
  EXPECT_THROW(heap().Shutdown(ShutdownPolicy::kDeliverQueued), std::runtime_error);
  EXPECT_THAT(calls, SizeIs(2));
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverQueued), 2u);
  EXPECT_THAT(calls, UnorderedElementsAre(0, 1, 2, 3));
  ExpectTheEnd();
}

TEST_F(RegistryShutdownTest, WhatACallbackRegistersDoesNotRunAfterwards) {
  Register(1);
  on_call = [&](int held) {
    const absl::Status status = registry->Register(living, held + 10);
    EXPECT_TRUE(status.ok() || absl::IsFailedPrecondition(status)) << status;
  };
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverAll), 1u);
  EXPECT_THAT(calls, ElementsAre(1));
  ExpectTheEnd();
}

TEST_F(RegistryShutdownTest, CallbacksMayUnregisterAndCollect) {
  const Persistent<Node> token(Make<Node>());
  ASSERT_TRUE(registry->Register(living, 1, token).ok());
  ASSERT_TRUE(registry->Register(living, 2, token).ok());
  on_call = [&](int) {
    EXPECT_TRUE(*registry->Unregister(token));
    CollectPrecisely();
  };
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverAll), 1u);
  EXPECT_THAT(calls, SizeIs(1));
  EXPECT_EQ(heap().Stats().records_cancelled, 1u);
  ExpectTheEnd();
}

TEST_F(RegistryShutdownTest, InACallbackEndsWhatIsLeft) {
  for (int i = 0; i < 5; i++) RegisterDoomed(i);
  Register(9);
  Collect();
  on_call = [&](int) { EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDrop), 0u); };
  mutator().Safepoint();
  EXPECT_THAT(calls, ElementsAre(AnyOf(0, 1, 2, 3, 4)));
  EXPECT_EQ(heap().Stats().records_dropped, 5u);
  ExpectTheEnd();
}

}  // namespace
}  // namespace elegy::test
