// The jobs that run cleanups: when and where callbacks run, CleanupSome, and what callbacks may do.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/conformance/fixture.h"
#include "tests/support/actor.h"

namespace elegy::test {
namespace {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class CleanupConformance : public RegistryConformanceTest {};

TEST_F(CleanupConformance, E6_ANestedCleanupTakesTheNextAndTheOuterOneFindsNone) {
  RegisterDoomed(1);
  RegisterDoomed(2);
  Collect();
  std::vector<std::size_t> nested;
  on_call = [&](int) { nested.push_back(registry->CleanupSome()); };
  EXPECT_EQ(registry->CleanupSome(), 1u);
  EXPECT_THAT(calls, UnorderedElementsAre(1, 2));
  EXPECT_THAT(nested, ElementsAre(0u, 1u));  // The inner one's first.
}

TEST_F(CleanupConformance, E7_CleanupSomeNeedsNoArgumentAndIgnoresWhatTheCallbackReturns) {
  const Persistent returning(Make<Registry>([this](int held) {
    calls.push_back(held);
    return "ignored";
  }));
  EXPECT_EQ(returning->CleanupSome(), 0u);
  ASSERT_TRUE(returning->Register(Make<Node>(), 1).ok());
  ASSERT_TRUE(returning->Register(Make<Node>(), 2).ok());
  Collect();
  EXPECT_EQ(returning->CleanupSome(1), 1u);
  EXPECT_EQ(returning->CleanupSome(), 1u);
  EXPECT_THAT(calls, UnorderedElementsAre(1, 2));
}

TEST_F(CleanupConformance, E14_CollectAndDrainAreExactAndDeterministic) {
  for (int round = 0; round < 10; round++) {
    std::vector<Persistent<WeakRef<Node>>> refs;
    for (int i = 0; i < 10; i++) {
      refs.emplace_back(Make<WeakRef<Node>>(Make<Node>()));
      ASSERT_TRUE(registry->Register(refs.back()->Deref(), i).ok());
    }
    EndTurn();
    Collect();
    for (const auto& ref : refs) ASSERT_TRUE(ref->IsCleared());
    ASSERT_EQ(mutator().DrainFinalization(), 10u);
    ASSERT_EQ(mutator().DrainFinalization(), 0u);
  }
}

TEST_F(CleanupConformance, F20_WhatOneCleanupLeavesALaterOneDelivers) {
  for (int i = 0; i < 5; i++) RegisterDoomed(i);
  Collect();
  EXPECT_EQ(registry->CleanupSome(2), 2u);
  EXPECT_EQ(mutator().DrainFinalization(1), 1u);
  EXPECT_THAT(calls, SizeIs(3));
  mutator().Safepoint();  // No further death is needed.
  EXPECT_THAT(calls, UnorderedElementsAre(0, 1, 2, 3, 4));
}

TEST_F(CleanupConformance, F21_CleanupSomeDeliversTheDeadWithinTheTurn) {
  EXPECT_EQ(registry->CleanupSome(), 0u);
  const Persistent ref(Make<WeakRef<Node>>(Make<Node>()));
  ASSERT_TRUE(registry->Register(ref->Deref(), 1).ok());
  RegisterDoomed(2);
  Collect();
  EXPECT_EQ(registry->CleanupSome(), 1u);
  EXPECT_THAT(calls, ElementsAre(2));  // What was read in this turn is not dead yet.
  EndTurn();
  Collect();
  EXPECT_EQ(registry->CleanupSome(), 1u);
  EXPECT_THAT(calls, ElementsAre(2, 1));
}

TEST_F(CleanupConformance, F22_CallbacksRunOnlyAtSafepointsThatSaySo) {
  RegisterDoomed(1);
  Collect();
  Collect();
  // Allocations answer the handshakes of two cycles.
  const std::uint64_t until = heap().Stats().cycles + 2;
  while (heap().Stats().cycles < until) {
    heap().RequestCollection();
    Make<Node>();
  }
  EXPECT_THAT(calls, IsEmpty());
  { const BlockingRegion region(mutator()); }
  heap().RequestCollection();
  EXPECT_THAT(calls, IsEmpty());
  mutator().Safepoint();
  EXPECT_THAT(calls, ElementsAre(1));
  RegisterDoomed(2);
  Collect();
  mutator().EndTurn();
  EXPECT_THAT(calls, ElementsAre(1, 2));
  RegisterDoomed(3);
  Collect();
  EXPECT_EQ(mutator().DrainFinalization(), 1u);
  EXPECT_THAT(calls, ElementsAre(1, 2, 3));
}

TEST_F(CleanupConformance, F23_TheCallbackRunsOnTheThreadThatMadeTheRegistry) {
  std::thread::id ran_on;
  on_call = [&](int) { ran_on = std::this_thread::get_id(); };
  RegisterDoomed(1);
  EndTurn();
  Collect();
  {
    BlockingRegion region(mutator());
    Actor actor(heap());
    actor.Do([&] {
      heap().Collect();
      Mutator::Current().Safepoint();
      EXPECT_EQ(Mutator::Current().DrainFinalization(), 0u);
    });
  }
  EXPECT_THAT(calls, IsEmpty());
  mutator().Safepoint();
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST_F(CleanupConformance, F24_ShutdownCancelsWhatIsQueuedInThatHeapAlone) {
  RegisterDoomed(1);
  Collect();
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDrop), 0u);
  mutator().Safepoint();
  EXPECT_EQ(registry->CleanupSome(), 0u);
  EXPECT_TRUE(absl::IsFailedPrecondition(registry->Register(NewNode(), 2)));
  CollectAndDeliver();
  EXPECT_THAT(calls, IsEmpty());

  Detach();
  Heap other(TestOptions());
  Mutator attached(other);
  const Persistent fresh(NewRegistry(calls));
  ASSERT_TRUE(fresh->Register(Make<Node>(), 3).ok());
  other.Collect(StackState::kNoPointers);
  attached.Safepoint();
  EXPECT_THAT(calls, ElementsAre(3));
}

TEST_F(CleanupConformance, F25_ACycleInsideACallbackIsFine) {
  RegisterDoomed(1);
  on_call = [&](int) {
    for (int i = 0; i < 3; i++) Collect();
    EndTurn();
    Collect();
  };
  CollectAndDeliver();
  CollectAndDeliver();
  EXPECT_THAT(calls, ElementsAre(1));
}

TEST_F(CleanupConformance, H14_ADeathIsToldOnceAndALifeNever) {
  const auto living = NewNode();
  ASSERT_TRUE(registry->Register(living, 1).ok());
  for (int i = 10; i < 20; i++) RegisterDoomed(i);
  for (int i = 0; i < 5; i++) CollectAndDeliver();
  EXPECT_THAT(calls, UnorderedElementsAre(10, 11, 12, 13, 14, 15, 16, 17, 18, 19));
}

struct Watched {
  WeakMember<Node> weak;
};

TEST_F(CleanupConformance, H16_ACallbackMayRewireTheGraphButNotRaiseTheDead) {
  const Persistent ref(Make<WeakRef<Node>>(Make<Node>()));
  const Persistent watched(Make<Watched>());
  watched->weak = ref->Deref();
  WeakPersistent<Node> weak = ref->Deref();
  const Persistent map(Make<IterableWeakMap<Node, int>>());
  ASSERT_TRUE(map->Set(ref->Deref(), 1).ok());
  ASSERT_TRUE(registry->Register(ref->Deref(), 1).ok());
  const auto living = NewNode(1);
  on_call = [&](int) {
    EXPECT_EQ(ref->Deref(), nullptr);
    EXPECT_EQ(watched->weak.Get(), nullptr);
    EXPECT_EQ(weak.Get(), nullptr);
    EXPECT_EQ(map->size(), 0u);
    living->next = Make<Node>(2);
    watched->weak = living->next;
  };
  CollectAndDeliver();
  CollectAndDeliver();
  EXPECT_THAT(calls, ElementsAre(1));
  EXPECT_EQ(watched->weak.Get(), living->next.get());
}

TEST_F(CleanupConformance, H17_ACallbackMayAllocateAcrossManyCycles) {
  Persistent<Node> list;
  on_call = [&](int held) {
    for (int i = 0; i < 1000; i++) {
      const auto node = NewNode(held);
      node->next = list;
      list = node;
    }
    if (held < 5) RegisterDoomed(held + 1);
  };
  RegisterDoomed(0);
  for (int i = 0; i < 8; i++) CollectAndDeliver();
  EXPECT_THAT(calls, ElementsAre(0, 1, 2, 3, 4, 5));
  int length = 0;
  for (const Node* node = list; node != nullptr; node = node->next) length++;
  EXPECT_EQ(length, 6000);
}

TEST_F(CleanupConformance, I4_CallbacksThatNestWithoutEndDoNotOverflowTheStack) {
  constexpr std::size_t kDead = 100'000;
  for (std::size_t i = 0; i < kDead; i++) RegisterDoomed(static_cast<int>(i));
  Collect();
  on_call = [&](int held) {
    if (held % 2 == 0) {
      registry->CleanupSome();
    } else {
      mutator().EndTurn();
    }
  };
  mutator().Safepoint();
  EXPECT_THAT(calls, SizeIs(kDead));
}

TEST_F(CleanupConformance, I8_ASafepointGoesOnUntilNothingIsQueued) {
  on_call = [&](int held) {
    if (held == 5) return;
    RegisterDoomed(held + 1);
    Collect();
  };
  RegisterDoomed(0);
  Collect();
  mutator().Safepoint();
  EXPECT_THAT(calls, ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST_F(CleanupConformance, K2_AnExceptionLeavesTheSafepointAsItIsAndTheRestStaysQueued) {
  struct Error : std::runtime_error {
    explicit Error(int which) : std::runtime_error("thrown"), held(which) {}
    int held;
  };
  for (int i = 0; i < 3; i++) RegisterDoomed(i);
  Collect();
  on_call = [](int held) { throw Error(held); };
  std::vector<int> caught;
  for (int i = 0; i < 3; i++) {
    try {
      mutator().Safepoint();
    } catch (const Error& error) {
      caught.push_back(error.held);
    }
  }
  EXPECT_EQ(caught, calls);
  EXPECT_THAT(calls, UnorderedElementsAre(0, 1, 2));
  EXPECT_NO_THROW(CollectAndDeliver());
}

class CleanupStepConformance : public RegistryConformanceTest {
 public:
  CleanupStepConformance() : RegistryConformanceTest({.conservative_stacks = false}) {}
};

TEST_F(CleanupStepConformance, F33_RegisteringBesideEveryStepOfACycleIsSafe) {
  for (const CycleStep step : kAllSteps) {
    SCOPED_TRACE(static_cast<int>(step));
    calls.clear();
    auto target = NewNode();
    const Persistent ref(Make<WeakRef<Node>>(target));
    EndTurn();
    {
      CycleStepper stepper(heap());
      stepper.AdvanceTo(step);
      ASSERT_TRUE(registry->Register(target, 1).ok());
      RegisterDoomed(2);
      target = nullptr;
      stepper.FinishCycle();
    }
    for (int i = 0; i < 2; i++) CollectAndDeliver();
    EXPECT_TRUE(ref->IsCleared());
    EXPECT_THAT(calls, UnorderedElementsAre(1, 2));
  }
}

TEST_F(CleanupStepConformance, I6_ACycleAtEveryAllocationHarmsNothing) {
  for (int i = 0; i < 50; i++) {
    const auto target = NewNode(i);
    Collect();
    const Persistent own(NewRegistry(calls));
    Collect();
    const Persistent ref(Make<WeakRef<Node>>(target));
    Collect();
    ASSERT_TRUE(own->Register(target, i, ref).ok());
    Collect();
    ASSERT_EQ(ref->Deref()->value, i);
    ASSERT_TRUE(*own->Unregister(ref));
    Collect();
    if (i % 2 == 0) {
      ASSERT_TRUE(registry->Register(target, i).ok());
    }
  }
  CollectAndDeliver();
  EXPECT_THAT(calls, SizeIs(25));
}

}  // namespace
}  // namespace elegy::test
