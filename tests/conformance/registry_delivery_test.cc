// FinalizationRegistry: which deaths are delivered, how often, with what, and what keeps what.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/conformance/fixture.h"
#include "tests/support/actor.h"

namespace elegy::test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class DeliveryConformance : public RegistryConformanceTest {};

using ObjectRegistry = FinalizationRegistry<Member<Node>>;

TEST_F(DeliveryConformance, E2_OnlyTheDeadOfTwoTargetsIsDelivered) {
  const auto living = NewNode();
  ASSERT_TRUE(registry->Register(living, 1).ok());
  RegisterDoomed(2);
  CollectAndDeliver();
  EXPECT_THAT(calls, ElementsAre(2));
}

TEST_F(DeliveryConformance, E5_HeldValuesArriveUnchangedAndOnce) {
  using Held = std::pair<std::string, Member<Node>>;
  std::vector<std::pair<std::string, int>> delivered;
  const Persistent pairs(Make<FinalizationRegistry<Held>>([&](const Held& held) {
    delivered.emplace_back(held.first, held.second == nullptr ? -1 : held.second->value);
  }));
  ASSERT_TRUE(pairs->Register(Make<Node>(), Held("one", NewNode(1))).ok());
  ASSERT_TRUE(pairs->Register(Make<Node>(), Held("", nullptr)).ok());
  ASSERT_TRUE(pairs->Register(Make<Node>(), Held(std::string(1000, 'x'), NewNode(2))).ok());
  for (int i = 0; i < 3; i++) CollectAndDeliver();
  EXPECT_THAT(delivered,
              UnorderedElementsAre(Pair("one", 1), Pair("", -1), Pair(std::string(1000, 'x'), 2)));
}

TEST_F(DeliveryConformance, E9_ADeathIsDeliveredOnceHoweverManyCyclesFollow) {
  RegisterDoomed(1);
  for (int i = 0; i < 20; i++) CollectAndDeliver();
  EXPECT_THAT(calls, ElementsAre(1));
}

TEST_F(DeliveryConformance, F5_WhatTheTurnKeepsIsNotReportedEither) {
  const Persistent ref(Make<WeakRef<Node>>(Make<Node>()));
  ASSERT_TRUE(registry->Register(ref->Deref(), 1).ok());
  Collect();
  EXPECT_EQ(registry->CleanupSome(), 0u);
  EXPECT_NE(ref->Deref(), nullptr);
  EndTurn();
  on_call = [&](int) { EXPECT_EQ(ref->Deref(), nullptr); };
  Collect();
  EXPECT_EQ(registry->CleanupSome(), 1u);
}

TEST_F(DeliveryConformance, F6_TheCleanupGetsTheHeldValueAlsoAnEmptyOne) {
  RegisterDoomed(0);
  std::vector<Node*> objects;
  const Persistent of_objects(Make<ObjectRegistry>([&](Node* held) { objects.push_back(held); }));
  ASSERT_TRUE(of_objects->Register(Make<Node>(), nullptr).ok());
  CollectAndDeliver();
  EXPECT_THAT(calls, ElementsAre(0));
  EXPECT_THAT(objects, ElementsAre(nullptr));
}

TEST_F(DeliveryConformance, F7_ARegistrationKeepsItsHeldObject) {
  std::vector<int> values;
  const Persistent objects(Make<ObjectRegistry>([&](Node* held) {
    for (int i = 0; i < 3; i++) heap().Collect(StackState::kNoPointers);
    values.push_back(held->value);
    values.push_back(held->next->value);
  }));
  auto target = NewNode();
  auto held = NewNode(1);
  held->next = Make<Node>(2);
  ASSERT_TRUE(objects->Register(target, held).ok());
  const Persistent held_ref(Make<WeakRef<Node>>(held));
  held = nullptr;
  for (int i = 0; i < 3; i++) CollectPrecisely();
  EXPECT_FALSE(held_ref->IsCleared());
  target = nullptr;
  CollectPrecisely();
  for (int i = 0; i < 3; i++) Collect();  // Queued, and still kept.
  EXPECT_FALSE(held_ref->IsCleared());
  mutator().Safepoint();
  EXPECT_THAT(values, ElementsAre(1, 2));
  CollectPrecisely();
  EXPECT_TRUE(held_ref->IsCleared());
}

TEST_F(DeliveryConformance, F8_ARegistryLivesUntilWhatIsQueuedHasRunButNotForItsRegistrations) {
  const Persistent ref(Make<WeakRef<Registry>>(registry));
  const auto living = NewNode();
  ASSERT_TRUE(registry->Register(living, 1).ok());
  RegisterDoomed(2);
  EndTurn();
  Collect();
  registry = nullptr;
  for (int i = 0; i < 3; i++) Collect();
  EXPECT_FALSE(ref->IsCleared());
  mutator().Safepoint();
  EXPECT_THAT(calls, ElementsAre(2));
  CollectAndDeliver();
  EXPECT_TRUE(ref->IsCleared());
  EXPECT_THAT(calls, ElementsAre(2));
  EXPECT_EQ(heap().Stats().records_dropped, 1u);
}

TEST_F(DeliveryConformance, F9_ADeadRegistryAmongOthersLosesNoneOfTheirs) {
  std::vector<int> of_dead, of_living;
  Persistent dead(NewRegistry(of_dead));
  const Persistent living(NewRegistry(of_living));
  auto target = NewNode();
  for (const auto& each : {registry, dead, living}) ASSERT_TRUE(each->Register(target, 1).ok());
  target = nullptr;
  dead = nullptr;
  CollectAndDeliver();
  EXPECT_THAT(calls, ElementsAre(1));
  EXPECT_THAT(of_living, ElementsAre(1));
  EXPECT_THAT(of_dead, IsEmpty());
}

TEST_F(DeliveryConformance, F10_TwoCyclesBeforeTheCallsDeliverBothDeathsOnce) {
  auto second = NewNode();
  RegisterDoomed(1);
  ASSERT_TRUE(registry->Register(second, 2).ok());
  Collect();
  second = nullptr;
  Collect();
  EXPECT_THAT(calls, IsEmpty());
  mutator().Safepoint();
  EXPECT_THAT(calls, UnorderedElementsAre(1, 2));
}

TEST_F(DeliveryConformance, F11_SeveralRegistriesOfOneCycleAllRun) {
  std::vector<std::vector<int>> delivered(20);
  std::vector<Persistent<Registry>> registries;
  for (auto& each : delivered) {
    registries.push_back(NewRegistry(each));
    ASSERT_TRUE(registries.back()->Register(Make<Node>(), 1).ok());
  }
  CollectAndDeliver();
  EXPECT_THAT(delivered, Each(ElementsAre(1)));
}

TEST_F(DeliveryConformance, F26_ThousandsOfRegistriesWatchOneTarget) {
  constexpr int kRegistries = 8192;
  auto target = NewNode();
  const Persistent registries(MakeArray<Member<Registry>>(kRegistries));
  for (int i = 0; i < kRegistries; i++) {
    const Persistent each(NewRegistry(calls));
    (*registries)[static_cast<std::size_t>(i)] = each;
    ASSERT_TRUE(each->Register(target, i).ok());
  }
  for (int i = 0; i < 2; i++) CollectAndDeliver();
  EXPECT_THAT(calls, IsEmpty());
  target = nullptr;
  CollectAndDeliver();
  EXPECT_THAT(calls, SizeIs(kRegistries));
  EXPECT_EQ(std::accumulate(calls.begin(), calls.end(), 0), kRegistries * (kRegistries - 1) / 2);
}

TEST_F(DeliveryConformance, F32_WhatIsCopiedOutOfAnObjectDoesNotKeepIt) {
  auto object = NewNode(3);
  object->next = Make<Node>(4);
  ASSERT_TRUE(registry->Register(object, 1).ok());
  const std::function<int()> closure = [value = object->value, next = Persistent(object->next)] {
    return value + next->value;
  };
  object = nullptr;
  CollectAndDeliver();
  EXPECT_THAT(calls, ElementsAre(1));
  EXPECT_EQ(closure(), 7);
}

TEST_F(DeliveryConformance, I1_ManyTargetsAndTwoRegistriesInWhateverOrder) {
  std::vector<int> of_other;
  const Persistent other(NewRegistry(of_other));
  std::vector<int> expected;
  auto shared = NewNode();
  ASSERT_TRUE(registry->Register(shared, 100).ok());
  ASSERT_TRUE(other->Register(shared, 100).ok());
  for (int i = 0; i < 100; i++) {
    RegisterDoomed(i);
    expected.push_back(i);
  }
  expected.push_back(100);
  shared = nullptr;
  CollectAndDeliver();
  EXPECT_THAT(calls, ::testing::UnorderedElementsAreArray(expected));
  EXPECT_THAT(of_other, ElementsAre(100));
}

TEST_F(DeliveryConformance, I3_ARegistryReachedOnlyThroughAMapsValueWorks) {
  const auto key = NewNode();
  const Persistent map(Make<WeakMap<Node, Member<Registry>>>());
  ASSERT_TRUE(map->Set(key, registry.get()).ok());
  registry = nullptr;
  auto target = NewNode();
  ASSERT_TRUE(map->Get(key)->Register(target, 1).ok());
  for (int i = 0; i < 2; i++) CollectAndDeliver();
  target = nullptr;
  CollectAndDeliver();
  EXPECT_THAT(calls, ElementsAre(1));
}

struct Closure {
  Member<Node> first;
};

TEST_F(DeliveryConformance, I9_FortyThousandThatAreTheirOwnTokensAreAllDelivered) {
  constexpr int kTargets = 40'000;
  std::vector<bool> seen(kTargets);
  std::size_t count = 0;
  const Persistent closures(Make<FinalizationRegistry<Member<Closure>>>([&](Closure* held) {
    count += seen[static_cast<std::size_t>(held->first->value)] ? 0 : 1;
    seen[static_cast<std::size_t>(held->first->value)] = true;
  }));
  for (int i = 0; i < kTargets; i++) {
    const auto target = NewNode();
    const Persistent closure(Make<Closure>());
    closure->first = Make<Node>(i);
    ASSERT_TRUE(closures->Register(target, Member<Closure>(closure), target).ok());
  }
  CollectAndDeliver();
  EXPECT_EQ(count, static_cast<std::size_t>(kTargets));
}

TEST_F(DeliveryConformance, I10_WhenTheWholeHeapGoesNothingRunsAndAllIsReleased) {
  Detach();
  const auto sentinel = std::make_shared<int>(1);
  int delivered = 0;
  {
    Heap other(TestOptions());
    Mutator attached(other);
    using Shared = FinalizationRegistry<std::shared_ptr<int>>;
    const Persistent own(
        Make<Shared>([&delivered, sentinel](const std::shared_ptr<int>&) { delivered++; }));
    const Persistent target(Make<Node>());
    ASSERT_TRUE(own->Register(target, sentinel).ok());
    ASSERT_TRUE(own->Register(Make<Node>(), sentinel).ok());
    other.Collect(StackState::kNoPointers);
    EXPECT_GT(sentinel.use_count(), 1);
  }
  EXPECT_EQ(delivered, 0);
  EXPECT_EQ(sentinel.use_count(), 1);
}

TEST_F(DeliveryConformance, K1_AThousandRegistriesOfOneTargetAreAllCalled) {
  constexpr int kRegistries = 1000;
  std::vector<Persistent<Registry>> registries;
  auto target = NewNode();
  for (int i = 0; i < kRegistries; i++) {
    registries.push_back(NewRegistry(calls));
    ASSERT_TRUE(registries.back()->Register(target, i).ok());
  }
  target = nullptr;
  CollectAndDeliver();
  std::vector<int> expected(kRegistries);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_THAT(calls, ::testing::UnorderedElementsAreArray(expected));
}

TEST_F(DeliveryConformance, K3_TurnsBetweenTheDeathAndTheCallAddNoSecondOne) {
  Actor other(heap());
  RegisterDoomed(1);
  for (int turn = 0; turn < 10; turn++) {
    Collect();
    other.Do([] { Mutator::Current().EndTurn(); });
  }
  EXPECT_THAT(calls, IsEmpty());
  mutator().Safepoint();
  EXPECT_THAT(calls, ElementsAre(1));
  mutator().Safepoint();
  EXPECT_THAT(calls, ElementsAre(1));
}

}  // namespace
}  // namespace elegy::test
