// FinalizationRegistry: making one, and what Register takes and refuses.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "elegy/elegy.h"
#include "tests/conformance/fixture.h"

namespace elegy::test {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class RegisterConformance : public RegistryConformanceTest {};

using ObjectRegistry = FinalizationRegistry<Member<Node>>;

TEST_F(RegisterConformance, B1_ARegistryIsAFreshManagedObject) {
  Persistent other(NewRegistry(calls));
  EXPECT_NE(other.get(), registry.get());
  const Persistent ref(Make<WeakRef<Registry>>(other));
  CollectPrecisely();
  EXPECT_EQ(ref->Deref(), other.get());
  other = nullptr;
  CollectPrecisely();
  EXPECT_TRUE(ref->IsCleared());
}

TEST_F(RegisterConformance, B2_AnEmptyCleanupIsFatal) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(Make<Registry>(absl::AnyInvocable<void(int)>()), "elegy: .*cleanup");
}

TEST_F(RegisterConformance, B3_MakingARegistryDoesNotCallTheCleanup) {
  int calls_of_poisoned = 0;
  const Persistent poisoned(Make<Registry>([&](int) {
    calls_of_poisoned++;
    throw std::uint64_t{0};
  }));
  CollectAndDeliver();
  EXPECT_EQ(calls_of_poisoned, 0);
}

TEST_F(RegisterConformance, B4_EachCallAddsARegistrationOfItsOwn) {
  auto target = NewNode();
  const auto token = NewNode();
  EXPECT_TRUE(registry->Register(target, 1).ok());
  EXPECT_TRUE(registry->Register(target, 2).ok());
  EXPECT_TRUE(registry->Register(target, 3, token).ok());
  EXPECT_TRUE(registry->Register(target, 4, token).ok());
  EXPECT_TRUE(registry->Register(target, 5, target).ok());
  CollectAndDeliver();
  EXPECT_THAT(calls, IsEmpty());
  target = nullptr;
  CollectAndDeliver();
  EXPECT_THAT(calls, UnorderedElementsAre(1, 2, 3, 4, 5));
}

TEST_F(RegisterConformance, B5_ImmortalTargetsAndTokensAreLegalAndNeverFire) {
  const Persistent immortal(Make<int>(0));
  const Persistent token(Make<std::string>("token"));
  EXPECT_TRUE(registry->Register(immortal, 1).ok());
  EXPECT_TRUE(registry->Register(immortal, 2, token).ok());
  EXPECT_TRUE(registry->Register(token, 3, immortal).ok());
  for (int i = 0; i < 5; i++) CollectAndDeliver();
  EXPECT_THAT(calls, IsEmpty());
}

TEST_F(RegisterConformance, B6_ARegistryMayWatchItself) {
  Persistent own(NewRegistry(calls));
  const Persistent ref(Make<WeakRef<Registry>>(own));
  EXPECT_TRUE(own->Register(own, 1).ok());
  EXPECT_TRUE(own->Register(own, 2, own).ok());
  own = nullptr;
  CollectAndDeliver();
  EXPECT_TRUE(ref->IsCleared());
  EXPECT_THAT(calls, IsEmpty());
  EXPECT_EQ(heap().Stats().records_dropped, 2u);
}

// Registers a dying target with a held value, and returns what the cleanup is given.
template <class Held>
std::vector<Held> Delivered(ConformanceTest& test, Held held) {
  std::vector<Held> delivered;
  const Persistent registry(
      Make<FinalizationRegistry<Held>>([&](Held value) { delivered.push_back(std::move(value)); }));
  EXPECT_TRUE(registry->Register(Make<Node>(), std::move(held)).ok());
  for (int i = 0; i < 3; i++) test.CollectAndDeliver();
  return delivered;
}

struct HoldsItsRegistry {
  Member<FinalizationRegistry<HoldsItsRegistry>> registry;
};

TEST_F(RegisterConformance, B7_AnyTypeIsAHeldValue) {
  EXPECT_THAT(Delivered(*this, 42), ElementsAre(42));
  EXPECT_THAT(Delivered(*this, 2.5), ElementsAre(2.5));
  EXPECT_THAT(Delivered(*this, std::string("a text")), ElementsAre("a text"));
  EXPECT_THAT(Delivered(*this, std::monostate()), SizeIs(1));
  EXPECT_THAT(Delivered(*this, nullptr), SizeIs(1));
  EXPECT_THAT(Delivered(*this, Member<Node>()), ElementsAre(nullptr));
  EXPECT_EQ(*Delivered(*this, std::make_unique<int>(9)).at(0), 9);
  const auto object = NewNode(5);
  EXPECT_THAT(Delivered(*this, Member<Node>(object)), ElementsAre(object.get()));

  int calls_of_own = 0;
  Persistent<FinalizationRegistry<HoldsItsRegistry>> own;
  own = Make<FinalizationRegistry<HoldsItsRegistry>>([&](const HoldsItsRegistry& held) {
    EXPECT_EQ(held.registry.get(), own.get());
    calls_of_own++;
  });
  ASSERT_TRUE(own->Register(Make<Node>(), {own}).ok());
  CollectAndDeliver();
  EXPECT_EQ(calls_of_own, 1);
}

TEST_F(RegisterConformance, B8_ATargetThatIsItsOwnHeldValueIsRefused) {
  const Persistent objects(Make<ObjectRegistry>([](Node*) {}));
  const auto target = NewNode();
  EXPECT_TRUE(absl::IsInvalidArgument(objects->Register(target, target)));
  EXPECT_TRUE(absl::IsInvalidArgument(objects->Track(target, target).status()));
  EXPECT_TRUE(objects->Register(target, NewNode()).ok());
  EXPECT_EQ(heap().Stats().records_registered, 1u);
}

TEST_F(RegisterConformance, B9_ATargetThatIsHeldValueAndTokenIsRefused) {
  const Persistent objects(Make<ObjectRegistry>([](Node*) {}));
  const auto target = NewNode();
  const absl::Status status = objects->Register(target, target, target);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("held value"));
  EXPECT_FALSE(*objects->Unregister(target));
}

TEST_F(RegisterConformance, B10_TheTokenMayBeTheHeldValueWhichKeepsIt) {
  int calls_of_objects = 0;
  const Persistent objects(Make<ObjectRegistry>([&](Node*) { calls_of_objects++; }));
  auto token = NewNode();
  const Persistent ref(Make<WeakRef<Node>>(token));
  EXPECT_TRUE(objects->Register(NewNode(), token, token).ok());
  const auto target = NewNode();
  EXPECT_TRUE(objects->Register(target, token, token).ok());
  token = nullptr;
  CollectAndDeliver();
  EXPECT_EQ(calls_of_objects, 1);
  EXPECT_FALSE(ref->IsCleared());
  EXPECT_TRUE(*objects->Unregister(ref->Deref()));
  CollectPrecisely();
  EXPECT_TRUE(ref->IsCleared());
}

TEST_F(RegisterConformance, B11_TheTokenMayBeTheTargetAndDoesNotKeepIt) {
  auto target = NewNode();
  const Persistent ref(Make<WeakRef<Node>>(target));
  EXPECT_TRUE(registry->Register(target, 1, target).ok());
  target = nullptr;
  CollectAndDeliver();
  EXPECT_TRUE(ref->IsCleared());
  EXPECT_THAT(calls, ElementsAre(1));
}

TEST_F(RegisterConformance, B12_ANullTargetIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(registry->Register(nullptr, 1)));
  EXPECT_TRUE(absl::IsInvalidArgument(registry->Register(static_cast<Node*>(nullptr), 1)));
  EXPECT_TRUE(absl::IsInvalidArgument(registry->Register(Persistent<Node>(), 1, NewNode())));
  EXPECT_TRUE(absl::IsInvalidArgument(registry->Track(Member<Node>(), 1).status()));
}

TEST_F(RegisterConformance, B13_ANullTokenIsNotTheSameAsNone) {
  const auto target = NewNode();
  EXPECT_TRUE(absl::IsInvalidArgument(registry->Register(target, 1, nullptr)));
  EXPECT_TRUE(absl::IsInvalidArgument(registry->Register(target, 1, Persistent<Node>())));
  EXPECT_EQ(heap().Stats().records_registered, 0u);
  EXPECT_TRUE(registry->Register(target, 1).ok());
  EXPECT_EQ(heap().Stats().records_registered, 1u);
}

TEST_F(RegisterConformance, B20_ArgumentsAreCheckedBeforeAnythingHappens) {
  auto sentinel = std::make_shared<int>(1);
  const Persistent shared(
      Make<FinalizationRegistry<std::shared_ptr<int>>>([](const std::shared_ptr<int>&) {}));
  const HeapStats before = heap().Stats();
  EXPECT_FALSE(shared->Register(nullptr, sentinel).ok());
  EXPECT_FALSE(shared->Register(NewNode(), sentinel, nullptr).ok());
  EXPECT_EQ(sentinel.use_count(), 1);
  const HeapStats after = heap().Stats();
  EXPECT_EQ(after.records_registered, before.records_registered);
  EXPECT_EQ(after.cycles, before.cycles);
}

TEST_F(RegisterConformance, F1_ErrorsSayWhatIsWrongAndHandlesOfAllKindsAreTaken) {
  EXPECT_THAT(registry->Register(nullptr, 1).ToString(), HasSubstr("target"));
  EXPECT_THAT(registry->Register(NewNode(), 1, nullptr).ToString(), HasSubstr("token"));
  EXPECT_THAT(registry->Unregister(nullptr).status().ToString(), HasSubstr("token"));
  const auto node = NewNode();
  node->next = Make<Node>();
  EXPECT_TRUE(registry->Register(node, 1).ok());
  EXPECT_TRUE(registry->Register(node.get(), 2, node->next).ok());
  EXPECT_TRUE(registry->Register(node->next, 3, node->next.get()).ok());
  EXPECT_FALSE(*registry->Unregister(node));
  EXPECT_TRUE(*registry->Unregister(node->next));

  // So are callables of all kinds.
  struct Functor {
    void operator()(int) { (*calls)++; }
    int* calls;
  };
  int functor_calls = 0;
  const Persistent called(Make<Registry>(Functor{&functor_calls}));
  const Persistent wrapped(Make<Registry>(std::function<void(int)>(Functor{&functor_calls})));
  ASSERT_TRUE(called->Register(Make<Node>(), 1).ok());
  ASSERT_TRUE(wrapped->Register(Make<Node>(), 1).ok());
  CollectAndDeliver();
  EXPECT_EQ(functor_calls, 2);
}

TEST_F(RegisterConformance, G1_RegistrationsOfOneTargetAreRecordsOfTheirOwn) {
  auto target = NewNode();
  const auto token = NewNode();
  for (int i = 0; i < 3; i++) ASSERT_TRUE(registry->Register(target, i).ok());
  for (int i = 3; i < 6; i++) ASSERT_TRUE(registry->Register(target, i, token).ok());
  EXPECT_EQ(heap().Stats().records_registered, 6u);
  EXPECT_TRUE(*registry->Unregister(token));
  EXPECT_EQ(heap().Stats().records_cancelled, 3u);
  target = nullptr;
  CollectAndDeliver();
  EXPECT_THAT(calls, UnorderedElementsAre(0, 1, 2));
}

TEST_F(RegisterConformance, H18_ACycleBetweenMakingAndRegisteringChangesNothing) {
  auto target = NewNode();
  for (int i = 0; i < 3; i++) CollectPrecisely();
  ASSERT_TRUE(registry->Register(target, 1).ok());
  CollectAndDeliver();
  EXPECT_THAT(calls, IsEmpty());
  target = nullptr;
  CollectAndDeliver();
  EXPECT_THAT(calls, ElementsAre(1));
}

// Room runs out in the midst of making and registering; the heap and what it holds stay usable.
TEST_F(RegisterConformance, I5_RunningOutOfRoomLeavesEverythingConsistent) {
  Detach();
  Heap small(TestOptions({.max_heap_bytes = std::size_t{2} << 20}));
  Mutator small_mutator(small);
  Persistent target(Make<Node>());
  const Persistent own(Make<Registry>([this](int held) { calls.push_back(held); }));
  const Persistent<Node> token(Make<Node>());
  int registered = 0;
  absl::Status status;
  while ((status = own->Register(target, registered, token)).ok()) registered++;
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_TRUE(*own->Unregister(token));
  EXPECT_FALSE(*own->Unregister(token));

  Persistent<Node> list;
  const auto fill = [&] {
    while (true) {
      Node* const grown = small_mutator.Make<Node>(1);
      grown->next = list;
      list = grown;
    }
  };
  EXPECT_THROW(fill(), std::bad_alloc);
  list = nullptr;
  small.Collect(StackState::kNoPointers);
  for (int i = 0; i < 10; i++) ASSERT_TRUE(own->Register(target, -1).ok());
  target = nullptr;
  small_mutator.EndTurn(StackState::kNoPointers);
  small.Collect(StackState::kNoPointers);
  small_mutator.Safepoint();
  EXPECT_THAT(calls, SizeIs(10));
  EXPECT_THAT(calls, Each(-1));
}

}  // namespace
}  // namespace elegy::test
