// FinalizationRegistry: tokens, Unregister, and handles of single registrations.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/conformance/fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class UnregisterConformance : public RegistryConformanceTest {};

using ObjectRegistry = FinalizationRegistry<Member<Node>>;

// The truth table of Unregister, with a token of any type.
template <class Token>
void HoldsForToken(FinalizationRegistry<int>& registry, const Token& token, const Token& other) {
  const auto target = NewNode();
  EXPECT_FALSE(*registry.Unregister(token));
  ASSERT_TRUE(registry.Register(target, 1).ok());
  EXPECT_FALSE(*registry.Unregister(target));
  EXPECT_FALSE(*registry.Unregister(token));
  ASSERT_TRUE(registry.Register(target, 2, token).ok());
  ASSERT_TRUE(registry.Register(target, 3, token).ok());
  ASSERT_TRUE(registry.Register(NewNode(), 4, token).ok());
  ASSERT_TRUE(registry.Register(target, 5, other).ok());
  EXPECT_TRUE(*registry.Unregister(token));
  EXPECT_FALSE(*registry.Unregister(token));
  EXPECT_TRUE(*registry.Unregister(other));
  EXPECT_FALSE(*registry.Unregister(other));
}

TEST_F(UnregisterConformance, B15_RemovesEveryRegistrationWithTheTokenAndTellsWhether) {
  HoldsForToken(*registry, NewNode(), NewNode());
  CollectAndDeliver();
  EXPECT_THAT(calls, ElementsAre(1));

  // The place of the held value makes no token.
  const auto held = NewNode();
  const Persistent objects(Make<ObjectRegistry>([](Node*) {}));
  const auto target = NewNode();
  ASSERT_TRUE(objects->Register(target, held).ok());
  EXPECT_FALSE(*objects->Unregister(held));
}

TEST_F(UnregisterConformance, B16_ObjectsOfAnyTypeAreTokens) {
  HoldsForToken(*registry, Persistent(Make<int>(1)), Persistent(Make<int>(1)));
  HoldsForToken(*registry, Persistent(MakeArray<int>(2)), Persistent(MakeArray<int>(2)));
  HoldsForToken(*registry, Persistent(Make<WeakRef<Node>>(nullptr)),
                Persistent(Make<WeakRef<Node>>(nullptr)));
}

TEST_F(UnregisterConformance, B17_WorksThroughAnExplicitReceiver) {
  const auto token = NewNode();
  const auto unregister = &Registry::Unregister<const Persistent<Node>&>;
  EXPECT_FALSE(*std::invoke(unregister, *registry, token));
  RegisterDoomed(1, token);
  EXPECT_TRUE(*std::invoke(unregister, registry.get(), token));
  EXPECT_FALSE(*std::invoke(unregister, *registry, token));
}

TEST_F(UnregisterConformance, B18_NullIsNoToken) {
  RegisterDoomed(1);
  EXPECT_TRUE(absl::IsInvalidArgument(registry->Unregister(nullptr).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(registry->Unregister(Persistent<Node>()).status()));
  CollectAndDeliver();
  EXPECT_THAT(calls, ElementsAre(1));
}

TEST_F(UnregisterConformance, E3_AfterTheDeathButBeforeTheCallItStillCancels) {
  const auto token = NewNode();
  RegisterDoomed(1, token);
  Collect();
  EXPECT_EQ(heap().Stats().records_queued, 1u);
  EXPECT_TRUE(*registry->Unregister(token));
  mutator().Safepoint();
  EXPECT_EQ(registry->CleanupSome(), 0u);
  EXPECT_THAT(calls, IsEmpty());
}

TEST_F(UnregisterConformance, E4_AfterTheCallThereIsNothingToCancel) {
  const auto token = NewNode();
  RegisterDoomed(1, token);
  Collect();
  EXPECT_EQ(registry->CleanupSome(), 1u);
  EXPECT_FALSE(*registry->Unregister(token));
}

TEST_F(UnregisterConformance, F12_BeforeTheDeathItCancelsOnce) {
  const auto token = NewNode();
  RegisterDoomed(1, token);
  EXPECT_TRUE(*registry->Unregister(token));
  EXPECT_FALSE(*registry->Unregister(token));
  CollectAndDeliver();
  EXPECT_THAT(calls, IsEmpty());
}

TEST_F(UnregisterConformance, F13_ACleanupThatFindsNothingLeftDoesNothing) {
  const auto token = NewNode();
  for (int i = 0; i < 3; i++) RegisterDoomed(i, token);
  Collect();
  EXPECT_TRUE(*registry->Unregister(token));
  mutator().Safepoint();
  EXPECT_EQ(mutator().DrainFinalization(), 0u);
  CollectAndDeliver();
  EXPECT_THAT(calls, IsEmpty());
  RegisterDoomed(7);
  CollectAndDeliver();
  EXPECT_THAT(calls, ElementsAre(7));
}

TEST_F(UnregisterConformance, F14_AfterTheCallNothingFiresAgain) {
  const auto token = NewNode();
  RegisterDoomed(1, token);
  CollectAndDeliver();
  EXPECT_FALSE(*registry->Unregister(token));
  for (int i = 0; i < 3; i++) CollectAndDeliver();
  EXPECT_THAT(calls, ElementsAre(1));
}

TEST_F(UnregisterConformance, F15_InsideItsOwnCallTheTokenIsUnknown) {
  const auto token = NewNode();
  RegisterDoomed(1, token);
  std::optional<bool> found;
  on_call = [&](int) { found = *registry->Unregister(token); };
  CollectAndDeliver();
  EXPECT_EQ(found, false);
  EXPECT_THAT(calls, ElementsAre(1));
}

TEST_F(UnregisterConformance, F16_InsideACallASharedTokenCancelsTheOther) {
  const auto token = NewNode();
  RegisterDoomed(1, token);
  RegisterDoomed(2, token);
  std::vector<bool> found;
  on_call = [&](int) { found.push_back(*registry->Unregister(token)); };
  CollectAndDeliver();
  CollectAndDeliver();
  EXPECT_THAT(found, ElementsAre(true));
  EXPECT_THAT(calls, SizeIs(1));
}

TEST_F(UnregisterConformance, F17_OfTwoThatCancelEachOtherOneIsCalled) {
  const std::array tokens = {NewNode(), NewNode()};
  RegisterDoomed(0, tokens[0]);
  RegisterDoomed(1, tokens[1]);
  on_call = [&](int held) { EXPECT_TRUE(*registry->Unregister(tokens.at(1 - held))); };
  CollectAndDeliver();
  CollectAndDeliver();
  EXPECT_THAT(calls, SizeIs(1));
}

TEST_F(UnregisterConformance, F18_OtherTokensRegistrationsStay) {
  const auto token = NewNode();
  const auto other = NewNode();
  RegisterDoomed(1, token);
  RegisterDoomed(2, token);
  RegisterDoomed(3, other);
  EXPECT_TRUE(*registry->Unregister(token));
  CollectAndDeliver();
  EXPECT_THAT(calls, ElementsAre(3));
}

TEST_F(UnregisterConformance, F19_TheTokenIsHeldWeakly) {
  auto self = NewNode();
  const auto target = NewNode();
  auto token = NewNode();
  const Persistent self_ref(Make<WeakRef<Node>>(self));
  const Persistent token_ref(Make<WeakRef<Node>>(token));
  ASSERT_TRUE(registry->Register(self, 1, self).ok());
  ASSERT_TRUE(registry->Register(target, 2, token).ok());
  self = token = nullptr;
  CollectAndDeliver();
  EXPECT_TRUE(self_ref->IsCleared());
  EXPECT_TRUE(token_ref->IsCleared());
  EXPECT_THAT(calls, ElementsAre(1));
}

TEST_F(UnregisterConformance, F29_AHandleCancelsOneRegistrationOnce) {
  const auto living = NewNode();
  Registration before = *registry->Track(living, 1);
  EXPECT_TRUE(before.Cancel());
  EXPECT_FALSE(before.Cancel());
  Registration queued = *registry->Track(Make<Node>(), 2);
  Registration inside = *registry->Track(Make<Node>(), 3);
  Registration after = *registry->Track(Make<Node>(), 4);
  { const Registration dropped = *registry->Track(Make<Node>(), 5); }
  Collect();
  EXPECT_TRUE(queued.Cancel());
  on_call = [&](int held) {
    if (held == 3) {
      EXPECT_FALSE(inside.Cancel());
    }
  };
  CollectAndDeliver();
  EXPECT_FALSE(after.Cancel());
  EXPECT_FALSE(Registration().Cancel());
  EXPECT_THAT(calls, UnorderedElementsAre(3, 4, 5));
}

// Targets die and records are cancelled in a random order; each is delivered or cancelled, once.
TEST_F(UnregisterConformance, G2_AnyOrderOfDeathsAndCancellationsLosesNothing) {
  constexpr int kRecords = 1000;
  SCOPED_TRACE("ELEGY_TEST_SEED=" + std::to_string(TestSeed()));
  Random random(1);
  std::vector<Persistent<Node>> targets, tokens;
  std::vector<int> expected;
  for (int i = 0; i < kRecords; i++) {
    targets.push_back(NewNode());
    tokens.push_back(NewNode());
    ASSERT_TRUE(registry->Register(targets[i], i, tokens[i]).ok());
  }
  std::vector<int> order(kRecords);
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size() - 1; i > 0; i--) {
    std::swap(order[i], order[random.Below(i + 1)]);
  }
  for (const int i : order) {
    targets[i] = nullptr;
    if (random.OneIn(100)) Collect();
    if (random.OneIn(3)) {
      ASSERT_TRUE(*registry->Unregister(tokens[i]));
      ASSERT_FALSE(*registry->Unregister(tokens[i]));
    } else {
      expected.push_back(i);
    }
  }
  CollectAndDeliver();
  EXPECT_THAT(calls, ::testing::UnorderedElementsAreArray(expected));
}

TEST_F(UnregisterConformance, G3_OneTokenSpansTheLivingAndTheDead) {
  const auto token = NewNode();
  auto living = NewNode();
  ASSERT_TRUE(registry->Register(living, 1, token).ok());
  RegisterDoomed(2, token);
  Collect();
  EXPECT_TRUE(*registry->Unregister(token));
  EXPECT_FALSE(*registry->Unregister(token));
  living = nullptr;
  CollectAndDeliver();
  EXPECT_THAT(calls, IsEmpty());
  EXPECT_EQ(heap().Stats().records_cancelled, 2u);
}

TEST_F(UnregisterConformance, G4_TheDeathOfATokenCancelsNothing) {
  auto token = NewNode();
  auto target = NewNode();
  ASSERT_TRUE(registry->Register(target, 1, token).ok());
  RegisterDoomed(2, token);
  token = nullptr;
  CollectAndDeliver();
  EXPECT_THAT(calls, ElementsAre(2));
  // New objects, perhaps in the token's place, are not mistaken for it.
  for (int i = 0; i < 1000; i++) ASSERT_FALSE(*registry->Unregister(Make<Node>()));
  target = nullptr;
  CollectAndDeliver();
  EXPECT_THAT(calls, ElementsAre(2, 1));
}

TEST_F(UnregisterConformance, I7_ATokenThatIsAlsoHeldCancelsUntilTheCall) {
  int delivered = 0;
  const Persistent objects(Make<ObjectRegistry>([&](Node*) { delivered++; }));
  const auto token = NewNode();
  ASSERT_TRUE(objects->Register(Make<Node>(), token, token).ok());
  CollectAndDeliver();
  EXPECT_EQ(delivered, 1);
  EXPECT_FALSE(*objects->Unregister(token));
  ASSERT_TRUE(objects->Register(Make<Node>(), token, token).ok());
  Collect();
  EXPECT_TRUE(*objects->Unregister(token));
  mutator().Safepoint();
  EXPECT_EQ(delivered, 1);
}

}  // namespace
}  // namespace elegy::test
