// What is delivered, when, and how often.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

struct Node {
  int value = 0;
  Member<Node> next;
};

class First {
 public:
  virtual ~First() = default;
  int first = 1;
};
class Second {
 public:
  virtual ~Second() = default;
  int second = 2;
};
class Both final : public First, public Second {};

struct Leaf {
  double value = 0;
};

}  // namespace
}  // namespace elegy::test

template <>
inline constexpr bool elegy::kHasNoSlots<elegy::test::Both> = true;
template <>
inline constexpr bool elegy::kHasNoSlots<elegy::test::Leaf> = true;

namespace elegy::test {
namespace {

class RegistryDeliveryTest : public HeapTest {
 public:
  RegistryDeliveryTest() : registry(NewRegistry()) {}

  Persistent<FinalizationRegistry<int>> NewRegistry() {
    return Persistent(Make<FinalizationRegistry<int>>([this](int held) { calls.push_back(held); }));
  }
  // Registers a target that nothing refers to.
  void RegisterDoomed(int held) { RegisterDoomed(*registry, held); }
  static void RegisterDoomed(FinalizationRegistry<int>& with, int held) {
    NoInline([&] { ASSERT_TRUE(with.Register(Make<Node>(held), held).ok()); });
  }
  // After a collection and a safepoint.
  const std::vector<int>& Delivered() {
    CollectPrecisely();
    mutator().Safepoint();
    return calls;
  }

  std::vector<int> calls;
  const Persistent<FinalizationRegistry<int>> registry;
};

TEST_F(RegistryDeliveryTest, DeadTargetIsDeliveredOnceOverManyCycles) {
  RegisterDoomed(1);
  for (int i = 0; i < 10; i++) {
    EXPECT_THAT(Delivered(), ElementsAre(1));
  }
}

TEST_F(RegistryDeliveryTest, LivingTargetIsNotDelivered) {
  Persistent<Node> target(Make<Node>());
  ASSERT_TRUE(registry->Register(target, 1).ok());
  for (int i = 0; i < 5; i++) {
    EXPECT_THAT(Delivered(), IsEmpty());
  }
  target = nullptr;
  EXPECT_THAT(Delivered(), ElementsAre(1));
}

TEST_F(RegistryDeliveryTest, OnlyTheDeadOfManyAreDelivered) {
  constexpr int kTargets = 1000;
  const Persistent<Array<Member<Node>>> held(MakeArray<Member<Node>>(kTargets));
  NoInline([&] {
    for (int i = 0; i < kTargets; i++) {
      auto* const target = Make<Node>(i);
      ASSERT_TRUE(registry->Register(target, i).ok());
      if (i % 3 == 0) (*held)[i] = target;
    }
  });
  std::vector<int> dead;
  for (int i = 0; i < kTargets; i++) {
    if (i % 3 != 0) dead.push_back(i);
  }
  EXPECT_THAT(Delivered(), UnorderedElementsAreArray(dead));
  for (auto& target : *held) target = nullptr;
  std::vector<int> all(kTargets);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_THAT(Delivered(), UnorderedElementsAreArray(all));
}

TEST_F(RegistryDeliveryTest, TargetRegisteredOftenIsDeliveredAsOften) {
  Persistent<Node> target(Make<Node>());
  for (int i = 0; i < 4; i++) {
    ASSERT_TRUE(registry->Register(target, i).ok());
  }
  ASSERT_TRUE(registry->Register(target, 3).ok());
  target = nullptr;
  EXPECT_THAT(Delivered(), UnorderedElementsAre(0, 1, 2, 3, 3));
}

TEST_F(RegistryDeliveryTest, EveryRegistryOfATargetDelivers) {
  constexpr int kRegistries = 500;
  std::vector<Persistent<FinalizationRegistry<int>>> registries;
  Persistent<Node> target(Make<Node>());
  std::vector<int> all;
  for (int i = 0; i < kRegistries; i++) {
    registries.push_back(NewRegistry());
    ASSERT_TRUE(registries.back()->Register(target, i).ok());
    all.push_back(i);
  }
  EXPECT_THAT(Delivered(), IsEmpty());
  target = nullptr;
  EXPECT_THAT(Delivered(), UnorderedElementsAreArray(all));
  EXPECT_THAT(Delivered(), UnorderedElementsAreArray(all));
}

TEST_F(RegistryDeliveryTest, SeveralRegistriesBecomeReadyInOneCycle) {
  const auto second = NewRegistry();
  const auto third = NewRegistry();
  RegisterDoomed(1);
  RegisterDoomed(*second, 2);
  RegisterDoomed(*third, 3);
  EXPECT_THAT(Delivered(), UnorderedElementsAre(1, 2, 3));
}

TEST_F(RegistryDeliveryTest, CyclesBetweenTwoSafepointsAddUp) {
  const auto second = NewRegistry();
  for (int i = 0; i < 3; i++) {
    RegisterDoomed(i);
    RegisterDoomed(*second, 10 + i);
    heap().Collect(StackState::kNoPointers);
  }
  EXPECT_THAT(calls, IsEmpty());
  mutator().Safepoint();
  EXPECT_THAT(calls, UnorderedElementsAre(0, 1, 2, 10, 11, 12));
}

TEST_F(RegistryDeliveryTest, NothingButASafepointRunsACallback) {
  RegisterDoomed(1);
  const Persistent<WeakRef<Node>> ref(Make<WeakRef<Node>>(nullptr));
  heap().Collect(StackState::kNoPointers);
  // Allocations answer the handshakes of two cycles.
  const std::uint64_t until = heap().Stats().cycles + 2;
  while (heap().Stats().cycles < until) {
    heap().RequestCollection();
    Make<Node>();
  }
  heap().Collect(StackState::kNoPointers);  // the last that has been asked for
  NoInline([&] {
    MakeArray<double>(1 << 16);
    ref->Deref();
    RegisterDoomed(2);
    EXPECT_TRUE(registry->Unregister(Make<Node>()).ok());
    BlockingRegion region(mutator());
  });
  EXPECT_THAT(calls, IsEmpty());
  mutator().Safepoint();
  EXPECT_THAT(calls, ElementsAre(1));
}

TEST_F(RegistryDeliveryTest, DrainFinalizationIsBounded) {
  for (int i = 0; i < 10; i++) RegisterDoomed(i);
  heap().Collect(StackState::kNoPointers);
  EXPECT_EQ(mutator().DrainFinalization(0), 0u);
  EXPECT_EQ(mutator().DrainFinalization(3), 3u);
  EXPECT_EQ(calls.size(), 3u);
  EXPECT_EQ(mutator().DrainFinalization(3), 3u);
  EXPECT_EQ(mutator().DrainFinalization(), 4u);
  EXPECT_EQ(mutator().DrainFinalization(), 0u);
  EXPECT_THAT(calls, UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
}

TEST_F(RegistryDeliveryTest, DrainFinalizationBoundsAllRegistriesTogether) {
  const auto second = NewRegistry();
  for (int i = 0; i < 3; i++) {
    RegisterDoomed(i);
    RegisterDoomed(*second, 10 + i);
  }
  heap().Collect(StackState::kNoPointers);
  EXPECT_EQ(mutator().DrainFinalization(4), 4u);
  EXPECT_EQ(mutator().DrainFinalization(4), 2u);
  EXPECT_THAT(calls, UnorderedElementsAre(0, 1, 2, 10, 11, 12));
}

// A loop that has time for one callback a round, and a registry that always has more.
TEST_F(RegistryDeliveryTest, AFewCallbacksAtATimeComeFromAllRegistriesByTurns) {
  const auto second = NewRegistry();
  Persistent<FinalizationRegistry<int>> homeless;
  {
    const BlockingRegion region(mutator());
    std::thread([&] {
      const Mutator guest(heap());
      homeless = NewRegistry();
    }).join();
  }
  RegisterDoomed(*second, 2);
  RegisterDoomed(*homeless, 3);
  for (int i = 0; i < 6; i++) {
    RegisterDoomed(1);
    RegisterDoomed(1);
    heap().Collect(StackState::kNoPointers);
    EXPECT_EQ(mutator().DrainFinalization(1), 1u);
  }
  EXPECT_THAT(calls, ::testing::IsSupersetOf({1, 2, 3}));
}

TEST_F(RegistryDeliveryTest, CleanupSomeRunsThisRegistrysInTheSameTurn) {
  const auto second = NewRegistry();
  RegisterDoomed(1);
  RegisterDoomed(2);
  RegisterDoomed(*second, 3);
  EXPECT_EQ(registry->CleanupSome(), 0u);
  heap().Collect(StackState::kNoPointers);
  EXPECT_EQ(registry->CleanupSome(1), 1u);
  EXPECT_EQ(registry->CleanupSome(), 1u);
  EXPECT_EQ(registry->CleanupSome(), 0u);
  EXPECT_THAT(calls, UnorderedElementsAre(1, 2));
  mutator().Safepoint();
  EXPECT_THAT(calls, UnorderedElementsAre(1, 2, 3));
}

TEST_F(RegistryDeliveryTest, WhatAPartialCleanupLeavesIsDeliveredByTheNextSafepoint) {
  for (int i = 0; i < 5; i++) RegisterDoomed(i);
  heap().Collect(StackState::kNoPointers);
  EXPECT_EQ(registry->CleanupSome(2), 2u);
  mutator().Safepoint();
  EXPECT_EQ(calls.size(), 5u);
}

TEST_F(RegistryDeliveryTest, TargetReadInThisTurnIsNotDeadYet) {
  const auto ref = NoInline([&] {
    auto* const target = Make<Node>();
    EXPECT_TRUE(registry->Register(target, 1).ok());
    return Persistent(Make<WeakRef<Node>>(target));
  });
  heap().Collect(StackState::kNoPointers);
  EXPECT_EQ(registry->CleanupSome(), 0u);
  EXPECT_THAT(Delivered(), ElementsAre(1));
  EXPECT_TRUE(ref->IsCleared());
}

TEST_F(RegistryDeliveryTest, ATargetAndAllThatItAloneRefersToAreDeliveredTogether) {
  NoInline([&] {
    Node* chain = nullptr;
    for (int i = 0; i < 10; i++) {
      chain = Make<Node>(i, chain);
      ASSERT_TRUE(registry->Register(chain, i).ok());
    }
  });
  EXPECT_THAT(Delivered(), UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
}

TEST_F(RegistryDeliveryTest, TargetsInACycleAreDelivered) {
  NoInline([&] {
    auto* const a = Make<Node>(1);
    a->next = Make<Node>(2, a);
    ASSERT_TRUE(registry->Register(a, 1).ok());
    ASSERT_TRUE(registry->Register(a->next, 2).ok());
  });
  EXPECT_THAT(Delivered(), UnorderedElementsAre(1, 2));
}

TEST_F(RegistryDeliveryTest, EveryKindOfObjectMayBeATarget) {
  NoInline([&] {
    ASSERT_TRUE(registry->Register(Make<Leaf>(), 1).ok());
    ASSERT_TRUE(registry->Register(Make<std::string>("text"), 2).ok());
    ASSERT_TRUE(registry->Register(MakeArray<int>(10), 3).ok());
    ASSERT_TRUE(registry->Register(MakeArray<Member<Node>>(1 << 16), 4).ok());
    ASSERT_TRUE(registry->Register(Make<Vector<Member<Node>>>(), 5).ok());
    ASSERT_TRUE(registry->Register(Make<WeakRef<Node>>(Make<Node>()), 6).ok());
    ASSERT_TRUE(registry->Register(Make<WeakMap<Node, int>>(), 7).ok());
    ASSERT_TRUE(registry->Register(Make<FinalizationRegistry<int>>([](int) {}), 8).ok());
    Second* const second_base = Make<Both>();
    ASSERT_TRUE(registry->Register(second_base, 9).ok());
  });
  EXPECT_THAT(Delivered(), UnorderedElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9));
}

TEST_F(RegistryDeliveryTest, TargetsAreGivenAsAnyPointer) {
  Persistent<Node> root(Make<Node>(1));
  root->next = Make<Node>(2);
  ASSERT_TRUE(registry->Register(root, 1).ok());
  ASSERT_TRUE(registry->Register(root->next, 2).ok());
  const Node* const constant = root.get();
  ASSERT_TRUE(registry->Register(constant, 3).ok());
  root = nullptr;
  EXPECT_THAT(Delivered(), UnorderedElementsAre(1, 2, 3));
}

TEST_F(RegistryDeliveryTest, SecondBaseKeepsTheWholeObjectFromBeingDelivered) {
  const auto second_base = NoInline([&] {
    auto* const both = Make<Both>();
    EXPECT_TRUE(registry->Register(both, 1).ok());
    return Persistent<Second>(both);
  });
  EXPECT_THAT(Delivered(), IsEmpty());
  EXPECT_EQ(second_base->second, 2);
}

TEST_F(RegistryDeliveryTest, RegistryReachableOnlyThroughAWeakMapsValueDelivers) {
  using Registry = FinalizationRegistry<int>;
  const Persistent<Node> key(Make<Node>());
  const Persistent<WeakMap<Node, Member<Registry>>> map(Make<WeakMap<Node, Member<Registry>>>());
  ASSERT_TRUE(map->Set(key, NewRegistry().get()).ok());
  for (int i = 0; i < 3; i++) {
    RegisterDoomed(*map->Get(key), i);
    CollectPrecisely();
  }
  EXPECT_THAT(Delivered(), UnorderedElementsAre(0, 1, 2));
}

TEST_F(RegistryDeliveryTest, AConstructorThatThrowsLeavesNothingToDeliver) {
  struct Thrower {
    explicit Thrower(FinalizationRegistry<int>& with) {
      EXPECT_TRUE(with.Register(this, 1).ok());
      throw 0;
    }
    void Trace(Visitor&) const {}
  };
  EXPECT_THROW(NoInline([&] { Make<Thrower>(*registry); }), int);
  // It was registered and is gone: delivered like any other that has died.
  EXPECT_THAT(Delivered(), ElementsAre(1));
}

// Targets that die in one cycle, each of whose records is registered, while that cycle is stopped.
class RegistryAtStepsTest : public RegistryDeliveryTest,
                            public ::testing::WithParamInterface<CycleStep> {};

TEST_P(RegistryAtStepsTest, RegistrationIsDeliveredOnceTheTargetDies) {
  Persistent<Node> target(NoInline([] { return Persistent(Make<Node>()); }));
  {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(GetParam());
    ASSERT_TRUE(registry->Register(target, 1).ok());
  }
  EXPECT_THAT(Delivered(), IsEmpty());
  target = nullptr;
  EXPECT_THAT(Delivered(), ElementsAre(1));
}

TEST_P(RegistryAtStepsTest, RegistryBornAtTheStepDelivers) {
  Persistent<FinalizationRegistry<int>> born;
  {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(GetParam());
    born = NewRegistry();
    RegisterDoomed(*born, 1);
  }
  EXPECT_THAT(Delivered(), ElementsAre(1));
}

INSTANTIATE_TEST_SUITE_P(Steps, RegistryAtStepsTest,
                         ::testing::Values(CycleStep::kBarrierOn, CycleStep::kStacksScanned,
                                           CycleStep::kMarked, CycleStep::kFlipped,
                                           CycleStep::kCellsCleared, CycleStep::kRecordsQueued,
                                           CycleStep::kSwept));

}  // namespace
}  // namespace elegy::test
