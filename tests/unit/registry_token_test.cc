// Register's arguments, and unregister tokens.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
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
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

struct Node {
  int value = 0;
  Member<Node> next;
};

class First {
 public:
  virtual ~First() = default;
  virtual void Trace(Visitor&) const {}
};
class Second {
 public:
  virtual ~Second() = default;
  virtual void Trace(Visitor&) const {}
};
class Both final : public First, public Second {
 public:
  void Trace(Visitor& visitor) const override { First::Trace(visitor); }
};

class RegistryTokenTest : public HeapTest {
 public:
  RegistryTokenTest()
      : registry(Make<FinalizationRegistry<int>>([this](int held) { calls.push_back(held); })),
        slots(Make<FinalizationRegistry<Member<Node>>>([](Node*) {})) {}

  static Persistent<Node> NewNode(int value = 0) {
    return NoInline([&] { return Persistent(Make<Node>(value)); });
  }
  template <class Token>
  void RegisterDoomed(int held, const Token& token) {
    NoInline([&] { ASSERT_TRUE(registry->Register(Make<Node>(), held, token).ok()); });
  }
  template <class Token>
  bool Unregister(const Token& token) {
    return *registry->Unregister(token);
  }
  void CollectInTurn() { heap().Collect(StackState::kNoPointers); }
  const std::vector<int>& Delivered() {
    CollectPrecisely();
    mutator().Safepoint();
    return calls;
  }

  std::vector<int> calls;
  const Persistent<FinalizationRegistry<int>> registry;
  const Persistent<FinalizationRegistry<Member<Node>>> slots;
};

// ---- arguments ----

TEST_F(RegistryTokenTest, NullTargetsAndTokensAreInvalid) {
  const auto node = NewNode();
  const Persistent<Node> null;
  EXPECT_TRUE(absl::IsInvalidArgument(registry->Register(nullptr, 1)));
  EXPECT_TRUE(absl::IsInvalidArgument(registry->Register(null, 1)));
  EXPECT_TRUE(absl::IsInvalidArgument(registry->Register(node->next, 1)));
  EXPECT_TRUE(absl::IsInvalidArgument(registry->Register(node, 1, nullptr)));
  EXPECT_TRUE(absl::IsInvalidArgument(registry->Register(node, 1, null)));
  EXPECT_TRUE(absl::IsInvalidArgument(registry->Register(nullptr, 1, node)));
  EXPECT_TRUE(absl::IsInvalidArgument(registry->Track(nullptr, 1).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(registry->Unregister(nullptr).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(registry->Unregister(null).status()));
  EXPECT_EQ(heap().Stats().records_registered, 0u);
  EXPECT_THAT(Delivered(), IsEmpty());
}

TEST_F(RegistryTokenTest, TargetThatIsItsOwnHeldValueIsInvalid) {
  const auto node = NewNode();
  const auto other = NewNode();
  EXPECT_TRUE(absl::IsInvalidArgument(slots->Register(node, node.get())));
  EXPECT_TRUE(absl::IsInvalidArgument(slots->Register(node, node.get(), node)));
  EXPECT_TRUE(absl::IsInvalidArgument(slots->Register(node, node.get(), other)));
  EXPECT_TRUE(absl::IsInvalidArgument(slots->Track(node, node.get()).status()));
  EXPECT_TRUE(slots->Register(node, other.get()).ok());
  EXPECT_TRUE(slots->Register(node, nullptr).ok());
}

TEST_F(RegistryTokenTest, TargetThatIsItsOwnHeldValueIsFoundThroughABaseClass) {
  const Persistent<FinalizationRegistry<Member<Second>>> seconds(
      Make<FinalizationRegistry<Member<Second>>>([](Second*) {}));
  const Persistent<Both> both(Make<Both>());
  Second* const second = both.get();
  First* const first = both.get();
  EXPECT_TRUE(absl::IsInvalidArgument(seconds->Register(both, second)));
  EXPECT_TRUE(absl::IsInvalidArgument(seconds->Register(first, second)));
  const Persistent<Both> other(Make<Both>());
  EXPECT_TRUE(seconds->Register(other, second).ok());
}

TEST_F(RegistryTokenTest, TokenMayBeTheHeldValueOrTheTarget) {
  const auto node = NewNode();
  const auto held = NewNode();
  EXPECT_TRUE(slots->Register(node, held.get(), held).ok());
  EXPECT_TRUE(slots->Register(node, held.get(), node).ok());
  EXPECT_TRUE(*slots->Unregister(held));
  EXPECT_FALSE(*slots->Unregister(held));
  EXPECT_TRUE(*slots->Unregister(node));
}

// ---- truth table ----

TEST_F(RegistryTokenTest, UnknownTokenIsNotFound) {
  const auto target = NewNode();
  const auto token = NewNode();
  EXPECT_FALSE(Unregister(token));
  ASSERT_TRUE(registry->Register(target, 1).ok());
  EXPECT_FALSE(Unregister(token));
  EXPECT_FALSE(Unregister(target));  // a target is no token unless it is given as one
}

TEST_F(RegistryTokenTest, IsFoundOnce) {
  const auto token = NewNode();
  RegisterDoomed(1, token);
  EXPECT_TRUE(Unregister(token));
  EXPECT_FALSE(Unregister(token));
  EXPECT_THAT(Delivered(), IsEmpty());
}

TEST_F(RegistryTokenTest, CancelsAllThatShareItAndNoOthers) {
  const auto shared = NewNode();
  const auto other = NewNode();
  for (int i = 0; i < 10; i++) RegisterDoomed(i, shared);
  RegisterDoomed(100, other);
  NoInline([&] { ASSERT_TRUE(registry->Register(Make<Node>(), 101).ok()); });
  EXPECT_TRUE(Unregister(shared));
  EXPECT_FALSE(Unregister(shared));
  EXPECT_THAT(Delivered(), UnorderedElementsAre(100, 101));
  EXPECT_EQ(heap().Stats().records_cancelled, 10u);
}

// Records leave their token in any order: delivered, with targets dead and alive between them.
TEST_F(RegistryTokenTest, FindsThoseThatAreLeftOfMany) {
  constexpr int kRecords = 3000;
  const auto shared = NewNode();
  std::vector<Persistent<Node>> targets;
  for (int i = 0; i < kRecords; i++) {
    targets.push_back(NewNode());
    ASSERT_TRUE(registry->Register(targets.back(), i, shared).ok());
  }
  for (int i = 0; i < kRecords; i++) {
    if (i % 3 != 1) targets[static_cast<std::size_t>(i)] = nullptr;
  }
  EXPECT_THAT(Delivered(), SizeIs(kRecords / 3 * 2));
  EXPECT_TRUE(Unregister(shared));
  EXPECT_FALSE(Unregister(shared));
  EXPECT_EQ(heap().Stats().records_cancelled, std::uint64_t{kRecords / 3});
  calls.clear();
  targets.clear();
  EXPECT_THAT(Delivered(), IsEmpty());
}

TEST_F(RegistryTokenTest, BelongsToOneRegistry) {
  const auto token = NewNode();
  const Persistent<FinalizationRegistry<int>> second(
      Make<FinalizationRegistry<int>>([this](int held) { calls.push_back(held); }));
  RegisterDoomed(1, token);
  NoInline([&] { ASSERT_TRUE(second->Register(Make<Node>(), 2, token).ok()); });
  EXPECT_TRUE(*second->Unregister(token));
  EXPECT_THAT(Delivered(), ElementsAre(1));
}

TEST_F(RegistryTokenTest, MayBeUsedAgain) {
  const auto token = NewNode();
  for (int i = 0; i < 5; i++) {
    RegisterDoomed(i, token);
    EXPECT_TRUE(Unregister(token));
  }
  RegisterDoomed(5, token);
  EXPECT_THAT(Delivered(), ElementsAre(5));
  EXPECT_FALSE(Unregister(token));
}

TEST_F(RegistryTokenTest, NamesItsWholeObject) {
  const Persistent<Both> both(Make<Both>());
  Second* const second = both.get();
  First* const first = both.get();
  RegisterDoomed(1, second);
  EXPECT_TRUE(Unregister(first));
  RegisterDoomed(2, first);
  EXPECT_TRUE(Unregister(both));
  RegisterDoomed(3, both);
  EXPECT_TRUE(Unregister(second));
  EXPECT_THAT(Delivered(), IsEmpty());
}

TEST_F(RegistryTokenTest, MayBeAnyObject) {
  const Persistent<Array<int>> array(MakeArray<int>(3));
  const Persistent<WeakRef<Node>> ref(Make<WeakRef<Node>>(nullptr));
  RegisterDoomed(1, array);
  RegisterDoomed(2, ref);
  RegisterDoomed(3, registry);
  EXPECT_TRUE(Unregister(array));
  EXPECT_TRUE(Unregister(ref));
  EXPECT_TRUE(Unregister(registry));
  EXPECT_THAT(Delivered(), IsEmpty());
}

// ---- tokens and death ----

TEST_F(RegistryTokenTest, ThatIsTheTargetDoesNotKeepIt) {
  NoInline([&] {
    Node* const target = Make<Node>();
    ASSERT_TRUE(registry->Register(target, 1, target).ok());
  });
  EXPECT_THAT(Delivered(), ElementsAre(1));
}

TEST_F(RegistryTokenTest, ManyThatAreTheirTargetsAreAllDelivered) {
  constexpr int kTargets = 40'000;
  NoInline([&] {
    for (int i = 0; i < kTargets; i++) {
      Node* const target = Make<Node>();
      ASSERT_TRUE(registry->Register(target, i, target).ok());
    }
  });
  EXPECT_THAT(Delivered(), SizeIs(kTargets));
}

TEST_F(RegistryTokenTest, IsWeak) {
  const auto target = NewNode();
  WeakPersistent<Node> weak;
  NoInline([&] {
    Node* const token = Make<Node>();
    weak = token;
    ASSERT_TRUE(registry->Register(target, 1, token).ok());
  });
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
}

TEST_F(RegistryTokenTest, ThatIsTheHeldValueIsKeptUntilTheRecordGoes) {
  auto target = NewNode();
  WeakPersistent<Node> weak;
  NoInline([&] {
    Node* const token = Make<Node>();
    weak = token;
    ASSERT_TRUE(slots->Register(target, token, token).ok());
  });
  CollectPrecisely();
  EXPECT_TRUE(NoInline([&] { return weak.Get() != nullptr; }));
  EXPECT_TRUE(NoInline([&] { return *slots->Unregister(weak.Get()); }));
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
}

TEST_F(RegistryTokenTest, ItsDeathLeavesTheRegistrationInForce) {
  auto target = NewNode();
  NoInline([&] { ASSERT_TRUE(registry->Register(target, 1, Make<Node>()).ok()); });
  for (int i = 0; i < 3; i++) {
    EXPECT_THAT(Delivered(), IsEmpty());
  }
  target = nullptr;
  EXPECT_THAT(Delivered(), ElementsAre(1));
}

// Objects made where dead tokens were are not those tokens.
TEST_F(RegistryTokenTest, ANewObjectAtItsAddressIsNoToken) {
  constexpr int kTokens = 500;
  std::vector<Persistent<Node>> targets;
  NoInline([&] {
    for (int i = 0; i < kTokens; i++) {
      targets.push_back(Make<Node>());
      ASSERT_TRUE(registry->Register(targets.back(), i, Make<Node>()).ok());
    }
  });
  CollectPrecisely();
  CollectPrecisely();
  int found = 0;
  for (int i = 0; i < 4 * kTokens; i++) {
    targets.push_back(Make<Node>());
    found += Unregister(targets.back()) ? 1 : 0;
  }
  EXPECT_EQ(found, 0);
  targets.clear();
  EXPECT_THAT(Delivered(), SizeIs(kTokens));
}

// The same with records that are queued when the token dies.
TEST_F(RegistryTokenTest, ANewObjectAtItsAddressCancelsNothingQueued) {
  constexpr int kTokens = 500;
  std::vector<Persistent<Node>> tokens;
  for (int i = 0; i < kTokens; i++) {
    tokens.push_back(NewNode());
    RegisterDoomed(i, tokens.back());
  }
  CollectInTurn();
  tokens.clear();
  CollectInTurn();
  CollectInTurn();
  EXPECT_THAT(calls, IsEmpty());
  int found = 0;
  for (int i = 0; i < 4 * kTokens; i++) {
    tokens.push_back(Make<Node>());
    found += Unregister(tokens.back()) ? 1 : 0;
  }
  EXPECT_EQ(found, 0);
  mutator().Safepoint();
  EXPECT_THAT(calls, SizeIs(kTokens));
}

TEST_F(RegistryTokenTest, UnregisterOfAQueuedRecordCancelsIt) {
  const auto token = NewNode();
  RegisterDoomed(1, token);
  RegisterDoomed(2, token);
  NoInline([&] { ASSERT_TRUE(registry->Register(Make<Node>(), 3).ok()); });
  CollectInTurn();
  EXPECT_EQ(heap().Stats().records_queued, 3u);
  EXPECT_TRUE(Unregister(token));
  EXPECT_FALSE(Unregister(token));
  EXPECT_THAT(Delivered(), ElementsAre(3));
  EXPECT_EQ(heap().Stats().records_cancelled, 2u);
}

TEST_F(RegistryTokenTest, UnregisterOfAllThatIsQueuedLeavesNothingToRun) {
  const auto token = NewNode();
  RegisterDoomed(1, token);
  CollectInTurn();
  EXPECT_TRUE(Unregister(token));
  EXPECT_EQ(mutator().DrainFinalization(), 0u);
  EXPECT_EQ(registry->CleanupSome(), 0u);
  // And the registry goes on.
  RegisterDoomed(2, token);
  EXPECT_THAT(Delivered(), ElementsAre(2));
}

TEST_F(RegistryTokenTest, SpansLivingAndQueuedRecords) {
  const auto token = NewNode();
  auto living = NewNode();
  RegisterDoomed(1, token);
  ASSERT_TRUE(registry->Register(living, 2, token).ok());
  CollectInTurn();
  EXPECT_TRUE(Unregister(token));
  living = nullptr;
  EXPECT_THAT(Delivered(), IsEmpty());
}

TEST_F(RegistryTokenTest, UnregisterAfterDeliveryFindsNothing) {
  const auto token = NewNode();
  RegisterDoomed(1, token);
  EXPECT_THAT(Delivered(), ElementsAre(1));
  EXPECT_FALSE(Unregister(token));
  EXPECT_THAT(Delivered(), ElementsAre(1));
}

TEST_F(RegistryTokenTest, UnregisterAtEachStepCancels) {
  for (int i = 0; i <= static_cast<int>(CycleStep::kSwept); i++) {
    const auto token = NewNode();
    RegisterDoomed(i, token);
    CycleStepper stepper(heap());
    stepper.AdvanceTo(static_cast<CycleStep>(i));
    EXPECT_TRUE(Unregister(token)) << i;
    EXPECT_FALSE(Unregister(token)) << i;
  }
  EXPECT_THAT(Delivered(), IsEmpty());
  const HeapStats stats = heap().Stats();
  EXPECT_EQ(stats.records_cancelled, stats.records_registered);
}

}  // namespace
}  // namespace elegy::test
