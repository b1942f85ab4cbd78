// Weak cells that are written, born and destroyed while a cycle is stopped at each of its steps.

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>

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
  Member<Node> next;
};

struct Holder {
  WeakMember<Node> weak;
};

// Stops in its constructor.
class SlowHolder {
 public:
  SlowHolder(Node* target, const std::function<void(SlowHolder&)>& halfway) {
    weak = target;
    halfway(*this);
  }
  void Trace(Visitor& visitor) const { visitor.Trace(weak); }

  WeakMember<Node> weak;
};

std::string StepName(const ::testing::TestParamInfo<CycleStep>& info) {
  constexpr const char* kNames[] = {"BarrierOn",    "StacksScanned", "Marked", "Flipped",
                                    "CellsCleared", "RecordsQueued", "Swept"};
  return kNames[static_cast<int>(info.param)];
}

constexpr auto kBarrierOn = CycleStep::kBarrierOn;
constexpr auto kStacksScanned = CycleStep::kStacksScanned;
constexpr auto kMarked = CycleStep::kMarked;
constexpr auto kFlipped = CycleStep::kFlipped;
constexpr auto kCellsCleared = CycleStep::kCellsCleared;
constexpr auto kRecordsQueued = CycleStep::kRecordsQueued;
constexpr auto kSwept = CycleStep::kSwept;

// Only handles are roots.
class WeakCellStepTest : public HeapTest, public ::testing::WithParamInterface<CycleStep> {
 public:
  WeakCellStepTest() : HeapTest({.conservative_stacks = false}), holder(Make<Holder>()) {}

  // A reference to a new node that this handle alone keeps.
  Persistent<WeakRef<Node>> Watch(Persistent<Node>& node, int value) {
    node = Make<Node>(value);
    Persistent<WeakRef<Node>> watcher(Make<WeakRef<Node>>(node.get()));
    mutator().EndTurn();
    return watcher;
  }
  void RunCycle(CycleStepper& stepper) {
    mutator().EndTurn();
    stepper.AdvanceTo(kSwept);
    stepper.FinishCycle();
  }

  const Persistent<Holder> holder;
};

class WeakCellClearTest : public WeakCellStepTest {
 public:
  // A target that only weak cells refer to, one of which `change` is to change at the step. The
  // target must not survive the cycle.
  void ExpectDiesAlthough(const std::function<void()>& change) {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(GetParam());
    change();
    stepper.AdvanceTo(kFlipped);
    EXPECT_TRUE(watcher->IsCleared());
    stepper.FinishCycle();
    EXPECT_TRUE(watcher->IsCleared());
  }

  WeakCellClearTest() {
    Persistent<Node> target;
    watcher = Watch(target, 1);
    holder->weak = target.get();
    weak = target.get();
  }

  Persistent<WeakRef<Node>> watcher;
  WeakPersistent<Node> weak;
};

TEST_P(WeakCellClearTest, NullingAWeakMemberDoesNotKeepItsTarget) {
  ExpectDiesAlthough([&] { holder->weak = nullptr; });
  EXPECT_EQ(holder->weak.Get(), nullptr);
}

TEST_P(WeakCellClearTest, NullingAWeakPersistentDoesNotKeepItsTarget) {
  ExpectDiesAlthough([&] { weak = nullptr; });
  EXPECT_EQ(weak.Get(), nullptr);
}

TEST_P(WeakCellClearTest, DestroyingAWeakPersistentDoesNotKeepItsTarget) {
  std::optional<WeakPersistent<Node>> doomed(std::move(weak));
  ExpectDiesAlthough([&] { doomed.reset(); });
}

TEST_P(WeakCellClearTest, OverwritingAWeakMemberDoesNotKeepItsTarget) {
  const Persistent<Node> other(Make<Node>(2));
  ExpectDiesAlthough([&] { holder->weak = other.get(); });
  EXPECT_EQ(holder->weak.Get(), other.get());
}

TEST_P(WeakCellClearTest, OverwritingAWeakPersistentDoesNotKeepItsTarget) {
  const Persistent<Node> other(Make<Node>(2));
  ExpectDiesAlthough([&] { weak = other.get(); });
  EXPECT_EQ(weak.Get(), other.get());
}

TEST_P(WeakCellClearTest, MovingAWeakPersistentDoesNotKeepItsTarget) {
  WeakPersistent<Node> moved;
  ExpectDiesAlthough([&] { moved = std::move(weak); });
  EXPECT_EQ(moved.Get(), nullptr);
}

INSTANTIATE_TEST_SUITE_P(Steps, WeakCellClearTest, Values(kBarrierOn, kStacksScanned, kMarked),
                         StepName);

class WeakCellStoreTest : public WeakCellStepTest {};

TEST_P(WeakCellStoreTest, NewTargetInAWeakMemberSurvivesIfHeldAndDiesLater) {
  Persistent<Node> held;
  const auto watcher = Watch(held, 1);
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  holder->weak = held.get();
  EXPECT_EQ(holder->weak.Get(), held.get());
  stepper.FinishCycle();
  EXPECT_EQ(holder->weak.Get(), held.get());
  RunCycle(stepper);
  EXPECT_EQ(holder->weak.Get(), held.get());
  held = nullptr;
  RunCycle(stepper);
  EXPECT_EQ(holder->weak.Get(), nullptr);
  EXPECT_TRUE(watcher->IsCleared());
}

TEST_P(WeakCellStoreTest, NewTargetInAWeakPersistentSurvivesIfHeldAndDiesLater) {
  Persistent<Node> held(Make<Node>(1));
  Persistent<Node> first(Make<Node>(0));
  WeakPersistent<Node> weak = first.get();
  first = nullptr;
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  weak = held.get();  // takes the place of a dying one
  WeakPersistent<Node> fresh = held.get();
  EXPECT_EQ(weak.Get(), held.get());
  stepper.FinishCycle();
  EXPECT_EQ(weak.Get(), held.get());
  EXPECT_EQ(fresh.Get(), held.get());
  held = nullptr;
  RunCycle(stepper);
  EXPECT_EQ(weak.Get(), nullptr);
  EXPECT_EQ(fresh.Get(), nullptr);
}

TEST_P(WeakCellStoreTest, ReplacementOfADyingTargetIsNotCleared) {
  holder->weak = Make<Node>(1);
  const Persistent<Node> replacement(Make<Node>(2));
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  holder->weak = replacement.get();
  stepper.FinishCycle();
  EXPECT_EQ(holder->weak.Get(), replacement.get());
}

TEST_P(WeakCellStoreTest, TargetBornAtTheStepMayBeStored) {
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  Persistent<Node> born(Make<Node>(3));
  holder->weak = born.get();
  stepper.FinishCycle();
  EXPECT_EQ(holder->weak.Get(), born.get());
  born = nullptr;
  RunCycle(stepper);
  RunCycle(stepper);
  EXPECT_EQ(holder->weak.Get(), nullptr);
}

TEST_P(WeakCellStoreTest, CellInAnObjectBornAtTheStepIsClearedWhenItsTargetDies) {
  Persistent<Node> held;
  const auto watcher = Watch(held, 1);
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  const Persistent<Holder> born(Make<Holder>());
  born->weak = held.get();
  held = nullptr;
  stepper.FinishCycle();
  RunCycle(stepper);
  EXPECT_EQ(born->weak.Get(), nullptr);
  EXPECT_TRUE(watcher->IsCleared());
}

TEST_P(WeakCellStoreTest, CellBornWithATargetThatOnlyAReadBroughtBack) {
  Persistent<Node> target;
  const auto watcher = Watch(target, 1);
  target = nullptr;
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  const Persistent<Holder> born(Make<Holder>());
  born->weak = watcher->Deref();  // null once flipped
  mutator().EndTurn();
  EXPECT_EQ(born->weak.Get() == nullptr, GetParam() >= kFlipped);
  stepper.FinishCycle();
  // Every view of it gives the same answer at all times.
  EXPECT_EQ(born->weak.Get() == nullptr, watcher->IsCleared());
  RunCycle(stepper);
  EXPECT_EQ(born->weak.Get(), nullptr);
  EXPECT_TRUE(watcher->IsCleared());
}

TEST_P(WeakCellStoreTest, ArrayBornAtTheStepHoldsWeakly) {
  constexpr int kSize = 100;
  const Persistent<Array<Member<Node>>> nodes(MakeArray<Member<Node>>(kSize));
  for (int i = 0; i < kSize; i++) (*nodes)[i] = Make<Node>(i);
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  const Persistent<Array<WeakMember<Node>>> born(MakeArray<WeakMember<Node>>(kSize));
  for (int i = 0; i < kSize; i++) {
    (*born)[i] = (*nodes)[i].get();
    if (i % 2 != 0) (*nodes)[i] = nullptr;
  }
  stepper.FinishCycle();
  RunCycle(stepper);
  for (int i = 0; i < kSize; i++) {
    EXPECT_EQ((*born)[i].Get(), i % 2 == 0 ? (*nodes)[i].get() : nullptr) << i;
  }
}

TEST_P(WeakCellStoreTest, VectorThatGrowsAtTheStepHoldsWeakly) {
  const Persistent<Vector<WeakMember<Node>>> vector(Make<Vector<WeakMember<Node>>>());
  Persistent<Node> held(Make<Node>(1));
  for (int i = 0; i < 4; i++) vector->push_back(held.get());
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  for (int i = 0; i < 20; i++) vector->push_back(held.get());
  stepper.FinishCycle();
  for (const auto& cell : *vector) {
    EXPECT_EQ(cell.Get(), held.get());
  }
  held = nullptr;
  RunCycle(stepper);
  RunCycle(stepper);
  for (const auto& cell : *vector) {
    EXPECT_EQ(cell.Get(), nullptr);
  }
}

TEST_P(WeakCellStoreTest, CellUnderConstructionWhileTheCycleGoesOn) {
  Persistent<Node> target;
  const auto watcher = Watch(target, 1);
  const Persistent<Node> living(Make<Node>(2));
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  const Persistent<SlowHolder> dying(Make<SlowHolder>(target.get(), [&](SlowHolder& half) {
    target = nullptr;
    stepper.FinishCycle();
    EXPECT_EQ(half.weak.Get() == nullptr, watcher->IsCleared());
  }));
  const Persistent<SlowHolder> keeping(Make<SlowHolder>(living.get(), [&](SlowHolder& half) {
    stepper.AdvanceTo(GetParam());
    EXPECT_EQ(half.weak.Get(), living.get());
    stepper.FinishCycle();
    EXPECT_EQ(half.weak.Get(), living.get());
  }));
  RunCycle(stepper);
  EXPECT_EQ(dying->weak.Get(), nullptr);
  EXPECT_EQ(keeping->weak.Get(), living.get());
  EXPECT_TRUE(watcher->IsCleared());
}

TEST_P(WeakCellStoreTest, WholeCycleInsideAConstructor) {
  Persistent<Node> target(Make<Node>(1));
  const Persistent<SlowHolder> made(Make<SlowHolder>(target.get(), [&](SlowHolder& half) {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(GetParam());
    half.weak = target.get();
    stepper.FinishCycle();
    EXPECT_EQ(half.weak.Get(), target.get());
  }));
  EXPECT_EQ(made->weak.Get(), target.get());
  target = nullptr;
  CollectPrecisely();
  EXPECT_EQ(made->weak.Get(), nullptr);
}

TEST_P(WeakCellStoreTest, WeakRefBornAtTheStepIsReadAndLaterCleared) {
  Persistent<Node> held(Make<Node>(1));
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  const Persistent<WeakRef<Node>> ref(Make<WeakRef<Node>>(held.get()));
  held = nullptr;
  EXPECT_FALSE(ref->IsCleared());
  stepper.FinishCycle();
  // Still kept for the turn.
  EXPECT_EQ(ref->Deref()->value, 1);
  RunCycle(stepper);
  RunCycle(stepper);
  EXPECT_TRUE(ref->IsCleared());
}

TEST_P(WeakCellStoreTest, ResultOfAReadHandedToAPersistentStays) {
  Persistent<Node> target;
  const auto watcher = Watch(target, 4);
  WeakPersistent<Node> weak = target.get();
  target = nullptr;
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  const Persistent<Node> kept(weak.Get());
  stepper.FinishCycle();
  RunCycle(stepper);
  EXPECT_EQ(kept.get() == nullptr, GetParam() >= kFlipped);
  EXPECT_EQ(weak.Get(), kept.get());
  EXPECT_EQ(watcher->IsCleared(), kept == nullptr);
  if (kept != nullptr) {
    EXPECT_EQ(kept->value, 4);
  }
}

INSTANTIATE_TEST_SUITE_P(Steps, WeakCellStoreTest,
                         Values(kBarrierOn, kStacksScanned, kMarked, kFlipped, kCellsCleared,
                                kRecordsQueued, kSwept),
                         StepName);

}  // namespace
}  // namespace elegy::test
