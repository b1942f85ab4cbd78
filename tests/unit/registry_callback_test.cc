// What a callback may do: everything, and leave by an exception.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

struct Node {
  int value = 0;
  Member<Node> next;
};

class RegistryCallbackTest : public HeapTest {
 public:
  RegistryCallbackTest()
      : registry(Make<FinalizationRegistry<int>>([this](int held) {
          calls.push_back(held);
          on_call(held);
        })) {}

  static Persistent<Node> NewNode() {
    return NoInline([] { return Persistent(Make<Node>()); });
  }
  void RegisterDoomed(int held) {
    NoInline([&] { ASSERT_TRUE(registry->Register(Make<Node>(), held).ok()); });
  }
  void RegisterDoomed(int held, const Persistent<Node>& token) {
    NoInline([&] { ASSERT_TRUE(registry->Register(Make<Node>(), held, token).ok()); });
  }
  void Collect() { heap().Collect(StackState::kNoPointers); }

  std::vector<int> calls;
  std::function<void(int)> on_call = [](int) {};
  Persistent<FinalizationRegistry<int>> registry;
};

// ---- re-entrancy ----

TEST_F(RegistryCallbackTest, NestedCleanupSomeTakesTheOthers) {
  for (int i = 0; i < 3; i++) RegisterDoomed(i);
  Collect();
  std::vector<std::size_t> nested;
  on_call = [&](int) { nested.push_back(registry->CleanupSome()); };
  EXPECT_EQ(registry->CleanupSome(), 1u);
  EXPECT_THAT(calls, UnorderedElementsAre(0, 1, 2));
  EXPECT_THAT(nested, ElementsAre(0u, 1u, 1u));
}

TEST_F(RegistryCallbackTest, NestsDeeply) {
  constexpr int kDepth = 300;
  for (int i = 0; i < kDepth; i++) RegisterDoomed(i);
  Collect();
  std::size_t deepest = 0;
  std::size_t depth = 0;
  on_call = [&](int) {
    deepest = std::max(deepest, ++depth);
    registry->CleanupSome(1);
    depth--;
  };
  mutator().Safepoint();
  EXPECT_THAT(calls, SizeIs(kDepth));
  EXPECT_EQ(deepest, static_cast<std::size_t>(kDepth));
}

TEST_F(RegistryCallbackTest, NestedSafepointsAndDrainsTakeTheOthers) {
  for (int i = 0; i < 6; i++) RegisterDoomed(i);
  Collect();
  on_call = [&](int) {
    mutator().DrainFinalization(1);
    mutator().Safepoint();
    mutator().EndTurn();
  };
  EXPECT_EQ(mutator().DrainFinalization(), 1u);
  EXPECT_THAT(calls, UnorderedElementsAre(0, 1, 2, 3, 4, 5));
}

TEST_F(RegistryCallbackTest, CleansUpAnotherRegistry) {
  std::vector<int> others;
  const Persistent<FinalizationRegistry<int>> other(
      Make<FinalizationRegistry<int>>([&](int held) { others.push_back(held); }));
  RegisterDoomed(1);
  NoInline([&] { ASSERT_TRUE(other->Register(Make<Node>(), 2).ok()); });
  Collect();
  on_call = [&](int) { EXPECT_EQ(other->CleanupSome(), 1u); };
  EXPECT_EQ(registry->CleanupSome(), 1u);
  EXPECT_THAT(others, ElementsAre(2));
}

// ---- what it does to the registry ----

TEST_F(RegistryCallbackTest, RegistersAnother) {
  RegisterDoomed(0);
  on_call = [&](int held) {
    if (held < 5) RegisterDoomed(held + 1);
  };
  for (int i = 0; i < 8; i++) {
    CollectPrecisely();
    mutator().Safepoint();
  }
  EXPECT_THAT(calls, ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST_F(RegistryCallbackTest, CollectsAndDeliversWhatThatFound) {
  RegisterDoomed(0);
  on_call = [&](int held) {
    if (held >= 5) return;
    RegisterDoomed(held + 1);
    CollectPrecisely();
    mutator().Safepoint();
  };
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_THAT(calls, ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST_F(RegistryCallbackTest, CollectingDoesNotRunItTwice) {
  RegisterDoomed(1);
  on_call = [&](int) {
    for (int i = 0; i < 3; i++) CollectPrecisely();
    mutator().Safepoint();
  };
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_THAT(calls, ElementsAre(1));
}

TEST_F(RegistryCallbackTest, ItsOwnTokenIsNoLongerKnown) {
  const auto token = NewNode();
  RegisterDoomed(1, token);
  Collect();
  on_call = [&](int) { EXPECT_FALSE(*registry->Unregister(token)); };
  mutator().Safepoint();
  EXPECT_THAT(calls, ElementsAre(1));
}

TEST_F(RegistryCallbackTest, ItsOwnTokenCancelsTheOthersThatShareIt) {
  const auto token = NewNode();
  const auto target = NewNode();
  for (int i = 0; i < 3; i++) RegisterDoomed(i, token);
  ASSERT_TRUE(registry->Register(target, 9, token).ok());
  Collect();
  on_call = [&](int) {
    EXPECT_TRUE(*registry->Unregister(token));
    EXPECT_FALSE(*registry->Unregister(token));
  };
  mutator().Safepoint();
  EXPECT_THAT(calls, SizeIs(1));
  EXPECT_EQ(heap().Stats().records_cancelled, 3u);
}

TEST_F(RegistryCallbackTest, EachCancelsTheOther) {
  const auto first = NewNode();
  const auto second = NewNode();
  RegisterDoomed(1, first);
  RegisterDoomed(2, second);
  Collect();
  on_call = [&](int held) { EXPECT_TRUE(*registry->Unregister(held == 1 ? second : first)); };
  mutator().Safepoint();
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_THAT(calls, SizeIs(1));
}

TEST_F(RegistryCallbackTest, CancelsALivingRegistration) {
  const auto token = NewNode();
  auto target = NewNode();
  ASSERT_TRUE(registry->Register(target, 2, token).ok());
  RegisterDoomed(1);
  Collect();
  on_call = [&](int) { EXPECT_TRUE(*registry->Unregister(token)); };
  mutator().Safepoint();
  target = nullptr;
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_THAT(calls, ElementsAre(1));
}

// The held object is the next target: a notification for every cycle.
TEST_F(RegistryCallbackTest, RegistersWhatItWasGiven) {
  using Registry = FinalizationRegistry<Member<Node>>;
  int notified = 0;
  Persistent<Registry> ticks;
  ticks = Make<Registry>([&](Node* sentinel) {
    notified++;
    if (notified < 5) {
      ASSERT_TRUE(ticks->Register(sentinel, Make<Node>()).ok());
    }
  });
  NoInline([&] { ASSERT_TRUE(ticks->Register(Make<Node>(), Make<Node>()).ok()); });
  for (int i = 0; i < 10; i++) CollectPrecisely();
  mutator().Safepoint();
  EXPECT_EQ(notified, 5);
}

// Neither the registry nor its cleanup goes while a call of it runs.
TEST_F(RegistryCallbackTest, DropsTheRegistry) {
  auto sentinel = std::make_shared<int>(7);
  const std::weak_ptr<int> watch = sentinel;
  int seen = 0;
  registry = Make<FinalizationRegistry<int>>([&, sentinel](int) {
    registry = nullptr;
    CollectPrecisely();
    CollectPrecisely();
    seen = *sentinel;
  });
  sentinel = nullptr;
  RegisterDoomed(1);
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_EQ(seen, 7);
  CollectPrecisely();
  EXPECT_TRUE(watch.expired());
}

TEST_F(RegistryCallbackTest, MakesRegistriesAndObjects) {
  RegisterDoomed(1);
  Persistent<FinalizationRegistry<int>> second;
  on_call = [&](int held) {
    if (held != 1) return;
    second = Make<FinalizationRegistry<int>>([this](int other) { calls.push_back(other); });
    NoInline([&] { ASSERT_TRUE(second->Register(Make<Node>(), 2).ok()); });
    // Enough for some cycles.
    for (int i = 0; i < 100; i++) MakeArray<double>(1 << 16);
  };
  CollectPrecisely();
  mutator().Safepoint();
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_THAT(calls, ElementsAre(1, 2));
}

TEST_F(RegistryCallbackTest, RunsOnTheThreadWhoseSafepointItIs) {
  std::thread::id id;
  RegisterDoomed(1);
  on_call = [&](int) {
    id = std::this_thread::get_id();
    EXPECT_EQ(&Mutator::Current(), &mutator());
  };
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_EQ(id, std::this_thread::get_id());
}

TEST_F(RegistryCallbackTest, MayBeAnyMoveOnlyFunction) {
  auto owner = std::make_unique<int>(3);
  int sum = 0;
  const Persistent<FinalizationRegistry<int>> moves(Make<FinalizationRegistry<int>>(
      [owner = std::move(owner), &sum](int held) { sum += held * *owner; }));
  NoInline([&] { ASSERT_TRUE(moves->Register(Make<Node>(), 5).ok()); });
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_EQ(sum, 15);
}

// ---- exceptions ----

class RegistryExceptionTest : public RegistryCallbackTest {
 public:
  static void Throw(int held) { throw std::runtime_error(std::to_string(held)); }
  // What() of the exception that leaves f.
  template <class F>
  static std::string Thrown(F&& f) {
    try {
      f();
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "none";
  }
};

TEST_F(RegistryExceptionTest, LeavesTheSafepointAndTheRestStayQueued) {
  constexpr int kRecords = 5;
  for (int i = 0; i < kRecords; i++) RegisterDoomed(i);
  Collect();
  on_call = Throw;
  for (int i = 0; i < kRecords; i++) {
    const std::string thrown = Thrown([&] { mutator().Safepoint(); });
    ASSERT_THAT(calls, SizeIs(i + 1));
    EXPECT_EQ(thrown, std::to_string(calls.back()));
  }
  EXPECT_NO_THROW(mutator().Safepoint());
  EXPECT_THAT(calls, UnorderedElementsAre(0, 1, 2, 3, 4));
  EXPECT_EQ(heap().Stats().records_delivered, 5u);
}

TEST_F(RegistryExceptionTest, RestIsDeliveredByTheNextSafepoint) {
  for (int i = 0; i < 10; i++) RegisterDoomed(i);
  Collect();
  on_call = [&](int held) {
    if (calls.size() == 4) Throw(held);
  };
  EXPECT_NE(Thrown([&] { mutator().Safepoint(); }), "none");
  EXPECT_THAT(calls, SizeIs(4));
  mutator().Safepoint();
  EXPECT_THAT(calls, SizeIs(10));
}

TEST_F(RegistryExceptionTest, LeavesDrainFinalizationEndTurnAndCleanupSome) {
  for (int i = 0; i < 3; i++) RegisterDoomed(i);
  Collect();
  on_call = Throw;
  EXPECT_NE(Thrown([&] { mutator().DrainFinalization(); }), "none");
  EXPECT_NE(Thrown([&] { mutator().EndTurn(); }), "none");
  EXPECT_NE(Thrown([&] { registry->CleanupSome(); }), "none");
  EXPECT_THAT(calls, SizeIs(3));
}

TEST_F(RegistryExceptionTest, OfOneRegistryDoesNotStrandAnother) {
  std::vector<int> others;
  const Persistent<FinalizationRegistry<int>> other(
      Make<FinalizationRegistry<int>>([&](int held) { others.push_back(held); }));
  for (int i = 0; i < 3; i++) {
    RegisterDoomed(i);
    NoInline([&] { ASSERT_TRUE(other->Register(Make<Node>(), i).ok()); });
  }
  Collect();
  on_call = Throw;
  for (int i = 0; i < 3; i++) {
    EXPECT_NE(Thrown([&] { mutator().Safepoint(); }), "none");
  }
  mutator().Safepoint();
  EXPECT_THAT(calls, SizeIs(3));
  EXPECT_THAT(others, SizeIs(3));
}

TEST_F(RegistryExceptionTest, OfANestedCallLeavesBothRecordsSpent) {
  for (int i = 0; i < 3; i++) RegisterDoomed(i);
  Collect();
  on_call = [&](int held) {
    if (calls.size() == 2) Throw(held);
    registry->CleanupSome(1);
  };
  EXPECT_NE(Thrown([&] { mutator().Safepoint(); }), "none");
  EXPECT_THAT(calls, SizeIs(2));
  mutator().Safepoint();
  EXPECT_THAT(calls, SizeIs(3));
}

TEST_F(RegistryExceptionTest, HeldValueIsDestroyed) {
  auto sentinel = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = sentinel;
  const Persistent<FinalizationRegistry<std::shared_ptr<int>>> shared(
      Make<FinalizationRegistry<std::shared_ptr<int>>>(
          [](const std::shared_ptr<int>&) { Throw(0); }));
  NoInline([&] { ASSERT_TRUE(shared->Register(Make<Node>(), std::move(sentinel)).ok()); });
  Collect();
  EXPECT_FALSE(watch.expired());
  EXPECT_NE(Thrown([&] { mutator().Safepoint(); }), "none");
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace elegy::test
