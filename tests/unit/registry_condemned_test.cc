// Weak views of what Shutdown(kDeliverAll) condemns, while its cycle is stopped at the steps
// between the flip and its end: they are empty from the flip on, and stay empty.

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;
using ::testing::Values;

struct Node {
  int value = 0;
};
struct Holder {
  WeakMember<Node> weak;
};
using Registry = FinalizationRegistry<int>;
using NodeMap = WeakMap<Node, Member<Node>>;

// Stops in its constructor, after it has written its weak cell.
class SlowHolder {
 public:
  SlowHolder(Node* target, const std::function<void(SlowHolder&)>& halfway) {
    weak = target;
    halfway(*this);
  }
  void Trace(Visitor& visitor) const { visitor.Trace(weak); }

  WeakMember<Node> weak;
};

class SlowRef : public WeakRef<Node> {
 public:
  SlowRef(Node* target, const std::function<void(SlowRef&)>& halfway) : WeakRef(target) {
    halfway(*this);
  }
};

// Holds its target weakly or strongly, at the same place.
class Either {
 public:
  Either(Node* target, const std::function<void(Either&)>& halfway) {
    std::get<WeakMember<Node>>(target_) = target;
    halfway(*this);
  }
  explicit Either(Node* target) : target_(std::in_place_index<1>, target) {}
  Either(const Either&) = delete;
  Either& operator=(const Either&) = delete;
  void Trace(Visitor& visitor) const {
    std::visit([&](const auto& slot) { visitor.Trace(slot); }, target_);
  }
  Node* Strong() const { return std::get<Member<Node>>(target_); }

 private:
  std::variant<WeakMember<Node>, Member<Node>> target_;
};

// A held value: calls f when it is moved.
class CallsWhenMoved {
 public:
  explicit CallsWhenMoved(const std::function<void()>& f) : f_(f) {}
  CallsWhenMoved(CallsWhenMoved&& other) : f_(other.f_) { f_(); }
  CallsWhenMoved& operator=(CallsWhenMoved&&) = delete;
  void Trace(Visitor&) const {}

 private:
  const std::function<void()>& f_;
};

std::string StepName(const ::testing::TestParamInfo<CycleStep>& info) {
  constexpr const char* kNames[] = {"BarrierOn",    "StacksScanned", "Marked", "Flipped",
                                    "CellsCleared", "RecordsQueued", "Swept"};
  return kNames[static_cast<int>(info.param)];
}

// `living` is registered and held.
class CondemnedTest : public HeapTest, public ::testing::WithParamInterface<CycleStep> {
 public:
  CondemnedTest()
      : HeapTest({.conservative_stacks = false}),
        registry(Make<Registry>([this](int) { delivered++; })),
        living(Make<Node>(5)),
        other(Make<Node>(6)) {
    EXPECT_TRUE(registry->Register(living, 1).ok());
  }
  ~CondemnedTest() override {
    if (shutter_.joinable()) Finish();
  }

  // Has another thread shut down, and stops its cycle at that step. This thread answers no
  // handshake before it waits for the step: so the cycle does not pass it.
  void ShutDownTo(CycleStep step) {
    heap().SetObserver([this](const HeapEvent& event) {
      if (event.kind == HeapEvent::Kind::kCycleStarted) started_ = true;
    });
    stepper_.emplace(heap());
    shutter_ = std::thread([this] {
      Mutator attached(heap());
      heap().Shutdown(ShutdownPolicy::kDeliverAll);
    });
    while (!started_) std::this_thread::yield();
    stepper_->AdvanceTo(step);
  }
  void AdvanceTo(CycleStep step) { stepper_->AdvanceTo(step); }
  void Finish() {
    stepper_.reset();
    BlockingRegion region(mutator());
    shutter_.join();
  }

  // What is asked at the step, after the cycle, and after another one.
  void ExpectAtTheStepAndAfter(const std::function<void()>& expect) {
    ShutDownTo(GetParam());
    expect();
    Finish();
    expect();
    EXPECT_GE(delivered, 1);
    CollectPrecisely();
    expect();
    EXPECT_EQ(living->value, 5);
  }

  std::atomic<int> delivered{0};
  const Persistent<Registry> registry;
  const Persistent<Node> living;
  const Persistent<Node> other;

 private:
  std::atomic<bool> started_{false};
  std::optional<CycleStepper> stepper_;
  std::thread shutter_;
};

INSTANTIATE_TEST_SUITE_P(Steps, CondemnedTest,
                         Values(CycleStep::kFlipped, CycleStep::kCellsCleared,
                                CycleStep::kRecordsQueued),
                         StepName);

// ---- cells of objects under construction ----

TEST_P(CondemnedTest, CellOfAnObjectUnderConstructionIsCleared) {
  const Persistent<SlowHolder> made(Make<SlowHolder>(living, [&](SlowHolder& half) {
    ExpectAtTheStepAndAfter([&] { EXPECT_EQ(half.weak.Get(), nullptr); });
  }));
  EXPECT_EQ(made->weak.Get(), nullptr);
}

TEST_P(CondemnedTest, CellOfAnObjectUnderConstructionAtTheScanIsCleared) {
  const Persistent<SlowHolder> made(Make<SlowHolder>(living, [&](SlowHolder& half) {
    ShutDownTo(CycleStep::kStacksScanned);
    EXPECT_EQ(half.weak.Get(), living.get());
  }));
  AdvanceTo(GetParam());
  EXPECT_EQ(made->weak.Get(), nullptr);
  Finish();
  EXPECT_EQ(made->weak.Get(), nullptr);
}

TEST_P(CondemnedTest, WeakRefUnderConstructionIsCleared) {
  const Persistent<SlowRef> made(Make<SlowRef>(living, [&](SlowRef& half) {
    ExpectAtTheStepAndAfter([&] { EXPECT_TRUE(half.IsCleared()); });
  }));
  EXPECT_EQ(made->Deref(), nullptr);
}

// Hundreds of weak cells are written in constructors within the one that is running.
TEST_P(CondemnedTest, CellsOfNestedConstructionsAreCleared) {
  constexpr int kInner = 300;
  std::vector<Persistent<SlowHolder>> inner;
  const Persistent<SlowHolder> outer(Make<SlowHolder>(living, [&](SlowHolder& first) {
    Make<SlowHolder>(living, [&](SlowHolder& second) {
      for (int i = 0; i < kInner; i++) {
        inner.emplace_back(
            Make<SlowHolder>(living, [&](SlowHolder&) { first.weak = living.get(); }));
      }
      ExpectAtTheStepAndAfter([&] {
        EXPECT_EQ(first.weak.Get(), nullptr);
        EXPECT_EQ(second.weak.Get(), nullptr);
        for (const auto& each : inner) ASSERT_EQ(each->weak.Get(), nullptr);
      });
    });
  }));
  EXPECT_EQ(outer->weak.Get(), nullptr);
}

// What takes the place of an object that has failed, or has died, may hold the target strongly.
TEST_P(CondemnedTest, CellOfAFailedConstructionIsNoCellAnyMore) {
  const void* place = nullptr;
  const auto fail = [&](Either& half) {
    place = &half;
    heap().Collect(StackState::kNoPointers);
    throw std::runtime_error("constructor");
  };
  EXPECT_THROW(Make<Either>(living, fail), std::runtime_error);
  CollectPrecisely();
  const Persistent<Either> strong(Make<Either>(living.get()));
  ASSERT_EQ(static_cast<const void*>(strong.get()), place);
  ShutDownTo(GetParam());
  Finish();
  EXPECT_EQ(strong->Strong(), living);
}

TEST_P(CondemnedTest, CellOfAnObjectThatHasDiedIsNoCellAnyMore) {
  const void* place = Make<Either>(living, [](Either&) {});
  CollectPrecisely();
  const Persistent<Either> strong(Make<Either>(living.get()));
  ASSERT_EQ(static_cast<const void*>(strong.get()), place);
  ShutDownTo(GetParam());
  Finish();
  EXPECT_EQ(strong->Strong(), living);
}

// ---- views that are there at the flip ----

TEST_P(CondemnedTest, TablesForgetTheirKey) {
  const Persistent<NodeMap> map(Make<NodeMap>());
  const Persistent<WeakMap<Node, int>> numbers(Make<WeakMap<Node, int>>());
  const Persistent<WeakSet<Node>> set(Make<WeakSet<Node>>());
  const Persistent<IterableWeakMap<Node, int>> ordered(Make<IterableWeakMap<Node, int>>());
  for (Node* key : {living.get(), other.get()}) {
    ASSERT_TRUE(map->Set(key, other.get()).ok());
    ASSERT_TRUE(numbers->Set(key, 1).ok());
    ASSERT_TRUE(set->Add(key).ok());
    ASSERT_TRUE(ordered->Set(key, 1).ok());
  }
  ExpectAtTheStepAndAfter([&] {
    EXPECT_EQ(map->Get(living), nullptr);
    EXPECT_FALSE(map->Has(living));
    EXPECT_EQ(numbers->Get(living), std::nullopt);
    EXPECT_FALSE(numbers->Has(living));
    EXPECT_FALSE(set->Has(living));
    EXPECT_FALSE(ordered->Has(living));
    EXPECT_EQ(ordered->size(), 1u);
    std::vector<Node*> keys;
    ordered->ForEach([&](Node* key, int) { keys.push_back(key); });
    EXPECT_EQ(keys, std::vector<Node*>{other.get()});
    EXPECT_FALSE(map->Delete(living));
    EXPECT_FALSE(set->Delete(living));
    // Others are not concerned.
    EXPECT_EQ(map->Get(other), other);
    EXPECT_EQ(numbers->Get(other), 1);
    EXPECT_TRUE(set->Has(other));
  });
}

TEST_P(CondemnedTest, CacheForgetsItsObjectAndTakesAnother) {
  const Persistent<WeakCache<int, Node>> cache(Make<WeakCache<int, Node>>());
  for (const int key : {1, 2}) {
    ASSERT_EQ(cache->GetOrMake(key, [&](int) { return living.get(); }), living);
  }
  ShutDownTo(GetParam());
  EXPECT_EQ(cache->Get(1), nullptr);
  EXPECT_EQ(cache->size(), 0u);
  EXPECT_EQ(cache->GetOrMake(1, [&](int) { return other.get(); }), other);
  Finish();
  EXPECT_EQ(cache->Get(1), other);
  EXPECT_EQ(cache->Get(2), nullptr);
  EXPECT_EQ(cache->size(), 1u);
}

TEST_P(CondemnedTest, TokenIsForgotten) {
  const Persistent<Node> token(Make<Node>(1));
  ASSERT_TRUE(registry->Register(token, 2).ok());
  ASSERT_TRUE(registry->Register(living, 3, token).ok());
  ExpectAtTheStepAndAfter([&] { EXPECT_FALSE(*registry->Unregister(token)); });
  EXPECT_EQ(delivered, 3);
}

// It is as good as dead, but what it holds is not.
TEST_P(CondemnedTest, RegistryThatIsItsOwnTargetStillRuns) {
  ASSERT_TRUE(registry->Register(registry, 2).ok());
  Registration registration = *registry->Track(other, 3);
  ShutDownTo(GetParam());
  EXPECT_TRUE(registration.RunNow());
  EXPECT_EQ(delivered, 1);
  Finish();
  EXPECT_EQ(delivered, 3);
}

// ---- views that are made after the flip ----

TEST_P(CondemnedTest, CellsWrittenAfterTheFlipStayEmpty) {
  const Persistent<Holder> holder(Make<Holder>());
  WeakPersistent<Node> weak = other.get();
  WeakPersistent<Node> born;
  ShutDownTo(GetParam());
  const Persistent<Holder> born_holder(Make<Holder>());
  const Persistent<WeakRef<Node>> ref(Make<WeakRef<Node>>(living.get()));
  holder->weak = living.get();
  born_holder->weak = living.get();
  weak = living.get();
  born = living.get();
  const auto expect_empty = [&] {
    EXPECT_EQ(holder->weak.Get(), nullptr);
    EXPECT_EQ(born_holder->weak.Get(), nullptr);
    EXPECT_TRUE(ref->IsCleared());
    EXPECT_EQ(weak.Get(), nullptr);
    EXPECT_EQ(born.Get(), nullptr);
  };
  expect_empty();
  Finish();
  expect_empty();
  // With the end of the cycle the target may be referred to anew.
  holder->weak = living.get();
  weak = living.get();
  CollectPrecisely();
  EXPECT_EQ(holder->weak.Get(), living);
  EXPECT_EQ(weak.Get(), living);
}

TEST_P(CondemnedTest, EntriesSetAfterTheFlipAreNotThere) {
  const Persistent<NodeMap> map(Make<NodeMap>());
  const Persistent<IterableWeakMap<Node, int>> ordered(Make<IterableWeakMap<Node, int>>());
  const Persistent<WeakCache<int, Node>> cache(Make<WeakCache<int, Node>>());
  ASSERT_TRUE(map->Set(living, other.get()).ok());
  ShutDownTo(GetParam());
  EXPECT_TRUE(map->Set(living, other.get()).ok());
  EXPECT_EQ(*map->GetOrInsert(living, other.get()), other);
  EXPECT_TRUE(ordered->Set(living, 1).ok());
  EXPECT_EQ(*ordered->GetOrInsertComputed(living, [](Node*) { return 2; }), 2);
  EXPECT_EQ(cache->GetOrMake(1, [&](int) { return living.get(); }), living);
  EXPECT_TRUE(map->Set(other, other.get()).ok());
  const auto expect_empty = [&] {
    EXPECT_FALSE(map->Has(living));
    EXPECT_EQ(map->Get(other), other);
    EXPECT_EQ(ordered->size(), 0u);
    EXPECT_FALSE(ordered->Has(living));
    EXPECT_EQ(cache->Get(1), nullptr);
    EXPECT_EQ(cache->size(), 0u);
  };
  expect_empty();
  Finish();
  expect_empty();
  ASSERT_TRUE(map->Set(living, other.get()).ok());
  CollectPrecisely();
  EXPECT_EQ(map->Get(living), other);
}

// ---- a registration under way, whose held value is moved twice ----

TEST_P(CondemnedTest, TokenOfARegistrationThatHasBegunIsForgotten) {
  const Persistent moved(Make<FinalizationRegistry<CallsWhenMoved>>([](const CallsWhenMoved&) {}));
  int moves = 0;
  const std::function<void()> shut_down = [&] {
    if (++moves == 1) ShutDownTo(GetParam());
  };
  ASSERT_TRUE(moved->Register(other, CallsWhenMoved(shut_down), living).ok());
  EXPECT_EQ(moves, 2);
  EXPECT_FALSE(*moved->Unregister(living));
  AdvanceTo(CycleStep::kSwept);
  EXPECT_FALSE(*moved->Unregister(living));
}

TEST_P(CondemnedTest, TokenOfARegistrationThatOutlastsTheCycleIsForgotten) {
  const Persistent moved(Make<FinalizationRegistry<CallsWhenMoved>>([](const CallsWhenMoved&) {}));
  int moves = 0;
  const std::function<void()> shut_down = [&] {
    if (++moves == 1) return;
    ShutDownTo(GetParam());
    AdvanceTo(CycleStep::kSwept);
  };
  ASSERT_TRUE(moved->Register(other, CallsWhenMoved(shut_down), living).ok());
  EXPECT_EQ(moves, 2);
  EXPECT_FALSE(*moved->Unregister(living));
}

}  // namespace
}  // namespace elegy::test
