// Weak reads with the cycle stopped at each of its steps: before the flip a read brings its target
// back, after it answers null, whether or not the collector has come to the cell.

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/last_store.h"

namespace elegy::test {
namespace {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;
using ::testing::TestWithParam;
using ::testing::Values;

constexpr int kChain = 50;
constexpr std::uint64_t kIntact = 0xE1E9'11FE'E1E9'11FE;

class Node {
 public:
  explicit Node(std::atomic<int>& deaths) : deaths_(deaths) {}
  ~Node() {
    LastStore(payload_, 0);
    deaths_++;
  }
  void Trace(Visitor& visitor) const { visitor.Trace(next); }
  bool IsIntact() const { return payload_ == kIntact; }

  Member<Node> next;

 private:
  std::atomic<int>& deaths_;
  std::uint64_t payload_ = kIntact;
};

struct Holder {
  WeakMember<Node> weak;
};

const char* NameOf(CycleStep step) {
  constexpr const char* kNames[] = {"BarrierOn",    "StacksScanned", "Marked", "Flipped",
                                    "CellsCleared", "RecordsQueued", "Swept"};
  return kNames[static_cast<int>(step)];
}

std::string StepName(const ::testing::TestParamInfo<CycleStep>& info) { return NameOf(info.param); }

// Only handles are roots: what a local variable holds dies all the same.
class WeakStepTest : public HeapTest, public ::testing::WithParamInterface<CycleStep> {
 public:
  WeakStepTest() : HeapTest({.marker_threads = 2, .conservative_stacks = false}) {
    ref = Make<WeakRef<Node>>(NewChain());
    holder = Make<Holder>();
    holder->weak = ref->Deref();
    weak = ref->Deref();
    mutator().EndTurn();
  }

  // A chain of nodes that nothing refers to.
  Node* NewChain() {
    Persistent<Node> head(Make<Node>(deaths));
    for (int i = 1; i < kChain; i++) {
      Persistent<Node> node(Make<Node>(deaths));
      node->next = head.get();
      head = node.get();
    }
    return head.get();
  }

  // How many nodes are reached from here, all of them intact.
  static int Length(const Node* node) {
    int length = 0;
    for (; node != nullptr && node->IsIntact(); node = node->next.get()) length++;
    return length;
  }

  void ExpectCleared() {
    EXPECT_EQ(ref->Deref(), nullptr);
    EXPECT_TRUE(ref->IsCleared());
    EXPECT_TRUE(ref->RefersTo(nullptr));
    EXPECT_EQ(holder->weak.Get(), nullptr);
    EXPECT_EQ(weak.Get(), nullptr);
  }

  // The target was brought back in this cycle: it survives whole, through every view, and dies in
  // the next.
  void ExpectBroughtBack(CycleStepper& stepper) {
    stepper.AdvanceTo(CycleStep::kFlipped);
    EXPECT_FALSE(ref->IsCleared());
    stepper.FinishCycle();
    EXPECT_EQ(deaths, 0);
    EXPECT_EQ(Length(ref->Deref()), kChain);
    EXPECT_EQ(Length(holder->weak.Get()), kChain);
    EXPECT_EQ(Length(weak.Get()), kChain);
    mutator().EndTurn();
    stepper.AdvanceTo(CycleStep::kSwept);
    stepper.FinishCycle();
    EXPECT_EQ(deaths, kChain);
    ExpectCleared();
  }

  std::atomic<int> deaths{0};
  Persistent<WeakRef<Node>> ref;
  Persistent<Holder> holder;
  WeakPersistent<Node> weak;
};

class WeakReadBeforeFlipTest : public WeakStepTest {};

TEST_P(WeakReadBeforeFlipTest, DerefBringsTheTargetBack) {
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  EXPECT_EQ(Length(ref->Deref()), kChain);
  ExpectBroughtBack(stepper);
}

TEST_P(WeakReadBeforeFlipTest, WeakMemberBringsTheTargetBack) {
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  EXPECT_EQ(Length(holder->weak.Get()), kChain);
  ExpectBroughtBack(stepper);
}

TEST_P(WeakReadBeforeFlipTest, WeakPersistentBringsTheTargetBack) {
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  EXPECT_EQ(Length(weak.Get()), kChain);
  ExpectBroughtBack(stepper);
}

TEST_P(WeakReadBeforeFlipTest, TargetGivenToASlotStays) {
  const Persistent<Node> keeper(Make<Node>(deaths));
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  keeper->next = ref->Deref();
  mutator().EndTurn();
  stepper.FinishCycle();
  stepper.AdvanceTo(CycleStep::kSwept);
  stepper.FinishCycle();
  EXPECT_EQ(deaths, 0);
  EXPECT_EQ(Length(keeper), kChain + 1);
  EXPECT_TRUE(ref->RefersTo(keeper->next.get()));
}

TEST_P(WeakReadBeforeFlipTest, QuestionsStillSeeTheTarget) {
  Node* const target = ref->Deref();
  mutator().EndTurn();
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  EXPECT_FALSE(ref->IsCleared());
  EXPECT_TRUE(ref->RefersTo(target));
  EXPECT_FALSE(ref->RefersTo(nullptr));
  // And did not keep it.
  stepper.AdvanceTo(CycleStep::kFlipped);
  EXPECT_TRUE(ref->IsCleared());
}

INSTANTIATE_TEST_SUITE_P(Steps, WeakReadBeforeFlipTest,
                         Values(CycleStep::kBarrierOn, CycleStep::kStacksScanned,
                                CycleStep::kMarked),
                         StepName);

// Before, a Deref puts the target on the list that the scan takes up, and nothing more.
class WeakReadAfterScanTest : public WeakStepTest {};

TEST_P(WeakReadAfterScanTest, DerefBringsTheTargetBackThoughItsTurnEndsBeforeTheFlip) {
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  EXPECT_EQ(Length(ref->Deref()), kChain);
  mutator().EndTurn();
  ExpectBroughtBack(stepper);
}

INSTANTIATE_TEST_SUITE_P(Steps, WeakReadAfterScanTest,
                         Values(CycleStep::kStacksScanned, CycleStep::kMarked), StepName);

class WeakReadAfterFlipTest : public WeakStepTest {};

TEST_P(WeakReadAfterFlipTest, EveryReadAnswersNull) {
  Node* const target = ref->Deref();
  mutator().EndTurn();
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  EXPECT_EQ(ref->Deref(), nullptr);
  EXPECT_TRUE(ref->IsCleared());
  EXPECT_FALSE(ref->RefersTo(target));
  EXPECT_TRUE(ref->RefersTo(nullptr));
  EXPECT_EQ(holder->weak.Get(), nullptr);
  EXPECT_EQ(weak.Get(), nullptr);
  stepper.FinishCycle();
  EXPECT_EQ(deaths, kChain);
  ExpectCleared();
}

TEST_P(WeakReadAfterFlipTest, CopiesOfCellsAreCleared) {
  const Persistent<Holder> other(Make<Holder>());
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  other->weak = holder->weak;
  WeakPersistent<Node> copy = weak;
  WeakPersistent<Node> moved = std::move(weak);
  EXPECT_EQ(other->weak.Get(), nullptr);
  EXPECT_EQ(copy.Get(), nullptr);
  EXPECT_EQ(moved.Get(), nullptr);
  stepper.FinishCycle();
  EXPECT_EQ(other->weak.Get(), nullptr);
  EXPECT_EQ(copy.Get(), nullptr);
  EXPECT_EQ(moved.Get(), nullptr);
}

TEST_P(WeakReadAfterFlipTest, LivingTargetIsStillRead) {
  const Persistent<Node> living(NewChain());
  const Persistent<WeakRef<Node>> to_living(Make<WeakRef<Node>>(living.get()));
  holder->weak = living.get();
  weak = living.get();
  mutator().EndTurn();
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  EXPECT_EQ(to_living->Deref(), living.get());
  EXPECT_TRUE(to_living->RefersTo(living));
  EXPECT_EQ(holder->weak.Get(), living.get());
  EXPECT_EQ(weak.Get(), living.get());
  stepper.FinishCycle();
  EXPECT_EQ(Length(to_living->Deref()), kChain);
}

TEST_P(WeakReadAfterFlipTest, TargetBornMeanwhileIsRead) {
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  const Persistent<Node> born(Make<Node>(deaths));
  const Persistent<WeakRef<Node>> to_born(Make<WeakRef<Node>>(born.get()));
  EXPECT_EQ(to_born->Deref(), born.get());
  stepper.FinishCycle();
  EXPECT_EQ(Length(to_born->Deref()), 1);
}

INSTANTIATE_TEST_SUITE_P(Steps, WeakReadAfterFlipTest,
                         Values(CycleStep::kFlipped, CycleStep::kCellsCleared,
                                CycleStep::kRecordsQueued, CycleStep::kSwept),
                         StepName);

class WeakWholeCycleTest : public WeakStepTest {
 public:
  static std::vector<CycleStep> AllSteps() {
    std::vector<CycleStep> steps;
    for (int i = 0; i <= static_cast<int>(CycleStep::kSwept); i++) {
      steps.push_back(static_cast<CycleStep>(i));
    }
    return steps;
  }
};

TEST_F(WeakWholeCycleTest, QuestionsPolledAtEveryStepKeepNothingAlive) {
  Node* const target = ref->Deref();
  mutator().EndTurn();
  CycleStepper stepper(heap());
  for (const CycleStep step : AllSteps()) {
    stepper.AdvanceTo(step);
    const bool dead = step >= CycleStep::kFlipped;
    EXPECT_EQ(ref->IsCleared(), dead) << NameOf(step);
    EXPECT_EQ(ref->RefersTo(target), !dead) << NameOf(step);
    EXPECT_EQ(ref->RefersTo(nullptr), dead) << NameOf(step);
  }
  stepper.FinishCycle();
  EXPECT_EQ(deaths, kChain);
}

TEST_F(WeakWholeCycleTest, EveryReadOfACycleAgreesOnceOneWasNull) {
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kFlipped);
  for (const CycleStep step : AllSteps()) {
    if (step < CycleStep::kFlipped) continue;
    stepper.AdvanceTo(step);
    ExpectCleared();
  }
}

// A read while a termination round is decided: the flip has to fail and marking goes on.
TEST_F(WeakWholeCycleTest, ReadAtTheEndOfMarkingMakesTheFlipFail) {
  std::atomic<std::uint64_t> resurrections{0};
  heap().SetObserver([&](const HeapEvent& event) {
    if (event.kind == HeapEvent::Kind::kFlipped) resurrections = event.count;
  });
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kMarked);
  EXPECT_EQ(Length(ref->Deref()), kChain);
  EXPECT_EQ(Length(ref->Deref()), kChain);
  stepper.AdvanceTo(CycleStep::kFlipped);
  EXPECT_EQ(resurrections, 1u);  // once for a target, however often it is read
  stepper.FinishCycle();
  EXPECT_EQ(deaths, 0);
  heap().SetObserver(nullptr);
}

TEST_F(WeakWholeCycleTest, TargetsReadOneAfterTheOtherAtTheEndOfMarkingAllSurvive) {
  constexpr int kRefs = 20;
  const Persistent<Array<Member<WeakRef<Node>>>> refs(MakeArray<Member<WeakRef<Node>>>(kRefs));
  for (auto& each : *refs) each = Make<WeakRef<Node>>(NewChain());
  mutator().EndTurn();
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kMarked);
  for (int i = 0; i < kRefs; i += 2) {
    EXPECT_EQ(Length((*refs)[i]->Deref()), kChain);
  }
  stepper.AdvanceTo(CycleStep::kFlipped);
  for (int i = 0; i < kRefs; i++) {
    EXPECT_EQ((*refs)[i]->IsCleared(), i % 2 != 0) << i;
  }
  stepper.FinishCycle();
  EXPECT_EQ(deaths, kChain * (kRefs / 2 + 1));
  for (int i = 0; i < kRefs; i += 2) {
    EXPECT_EQ(Length((*refs)[i]->Deref()), kChain);
  }
}

// The chain's tail is another reference's target: what one read brings back is alive for all.
TEST_F(WeakWholeCycleTest, ReadRevivesWhatTheTargetReachesForOtherViews) {
  const Persistent<WeakRef<Node>> to_second(Make<WeakRef<Node>>(ref->Deref()->next.get()));
  mutator().EndTurn();
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kMarked);
  EXPECT_NE(ref->Deref(), nullptr);
  stepper.AdvanceTo(CycleStep::kFlipped);
  EXPECT_EQ(Length(to_second->Deref()), kChain - 1);
}

TEST_F(WeakWholeCycleTest, ReadOfTheTailLeavesTheHeadToDie) {
  const Persistent<WeakRef<Node>> to_second(Make<WeakRef<Node>>(ref->Deref()->next.get()));
  mutator().EndTurn();
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kMarked);
  EXPECT_NE(to_second->Deref(), nullptr);
  stepper.FinishCycle();
  EXPECT_TRUE(ref->IsCleared());
  EXPECT_EQ(Length(to_second->Deref()), kChain - 1);
  EXPECT_EQ(deaths, 1);
}

}  // namespace
}  // namespace elegy::test
