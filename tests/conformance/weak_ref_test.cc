// WeakRef: what it may refer to, what Deref answers, and when it is cleared.

#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/conformance/fixture.h"

namespace elegy::test {
namespace {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;

class WeakRefConformance : public ConformanceTest {};

using NodeRef = WeakRef<Node>;

TEST_F(WeakRefConformance, A1_IsAFreshObjectApartFromItsTarget) {
  const auto target = NewNode(7);
  const Persistent first(Make<NodeRef>(target));
  const Persistent second(Make<NodeRef>(target));
  EXPECT_NE(first.get(), second.get());
  EXPECT_NE(static_cast<void*>(first.get()), target.get());
  EXPECT_EQ(first->Deref(), target.get());
  EXPECT_EQ(second->Deref(), target.get());
  EXPECT_EQ(target->value, 7);
}

TEST_F(WeakRefConformance, A2_EveryKindOfManagedObjectIsATarget) {
  const Persistent number(Make<int>(5));
  const Persistent array(MakeArray<Member<Node>>(3));
  const Persistent map(Make<WeakMap<Node, int>>());
  const Persistent registry(Make<FinalizationRegistry<int>>([](int) {}));
  const Persistent to_number(Make<WeakRef<int>>(number));
  const Persistent to_array(Make<WeakRef<Array<Member<Node>>>>(array));
  const Persistent to_map(Make<WeakRef<WeakMap<Node, int>>>(map));
  const Persistent to_registry(Make<WeakRef<FinalizationRegistry<int>>>(registry));
  for (int i = 0; i < 3; i++) CollectPrecisely();
  EXPECT_EQ(to_number->Deref(), number.get());
  EXPECT_EQ(to_array->Deref(), array.get());
  EXPECT_EQ(to_map->Deref(), map.get());
  EXPECT_EQ(to_registry->Deref(), registry.get());
}

TEST_F(WeakRefConformance, A3_NullIsNoTarget) {
  const Persistent ref(Make<NodeRef>(nullptr));
  EXPECT_TRUE(ref->IsCleared());
  EXPECT_EQ(ref->Deref(), nullptr);
  EXPECT_TRUE(ref->RefersTo(nullptr));
  CollectPrecisely();
  EXPECT_EQ(ref->Deref(), nullptr);
  EXPECT_EQ(heap().Stats().cells_cleared, 0u);
}

TEST_F(WeakRefConformance, A4_DerefAnswersTheSameAgainAndAgain) {
  const auto target = NewNode();
  const Persistent ref(Make<NodeRef>(target));
  for (int turn = 0; turn < 3; turn++) {
    for (int i = 0; i < 10; i++) ASSERT_EQ(ref->Deref(), target.get());
    CollectPrecisely();
  }
  EXPECT_FALSE(ref->IsCleared());
}

TEST_F(WeakRefConformance, A5_AnImmortalTargetIsNeverCleared) {
  static Persistent<int> immortal;
  immortal = Make<int>(1);
  const Persistent ref(Make<WeakRef<int>>(immortal));
  for (int i = 0; i < 10; i++) {
    CollectPrecisely();
    ASSERT_EQ(ref->Deref(), immortal.get());
  }
  immortal = nullptr;
}

TEST_F(WeakRefConformance, A6_WorksThroughAnExplicitReceiver) {
  const auto target = NewNode();
  const Persistent ref(Make<NodeRef>(target));
  const auto deref = &NodeRef::Deref;
  EXPECT_EQ(std::invoke(deref, *ref), target.get());
  EXPECT_EQ(std::invoke(deref, ref.get()), target.get());
}

struct FailsHalfBuilt {
  explicit FailsHalfBuilt(Node* target) : weak(target), ref(Make<NodeRef>(target)) {
    throw std::runtime_error("half built");
  }
  void Trace(Visitor& visitor) const {
    visitor.Trace(weak);
    visitor.Trace(ref);
  }

  WeakMember<Node> weak;
  Member<NodeRef> ref;
};

TEST_F(WeakRefConformance, A10_AFailedConstructionLeavesNoHalfBuiltCell) {
  auto target = NewNode();
  const Persistent ref(Make<NodeRef>(target));
  for (int i = 0; i < 100; i++) {
    EXPECT_THROW(Make<FailsHalfBuilt>(target.get()), std::runtime_error);
  }
  CollectPrecisely();
  EXPECT_EQ(ref->Deref(), target.get());
  EXPECT_EQ(heap().Stats().cells_cleared, 0u);
  target = nullptr;
  CollectPrecisely();
  EXPECT_TRUE(ref->IsCleared());
  EXPECT_EQ(heap().Stats().cells_cleared, 1u);
}

class NamedRef : public NodeRef {
 public:
  NamedRef(Node* target, std::string name) : NodeRef(target), name_(std::move(name)) {}
  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

TEST_F(WeakRefConformance, A13_CanBeDerivedFrom) {
  auto target = NewNode();
  const Persistent ref(Make<NamedRef>(target.get(), "the name"));
  CollectPrecisely();
  EXPECT_EQ(ref->Deref(), target.get());
  target = nullptr;
  CollectPrecisely();
  EXPECT_TRUE(ref->IsCleared());
  EXPECT_EQ(ref->name(), "the name");
}

TEST_F(WeakRefConformance, E1_AfterTheTurnAnUnreachableTargetIsClearedForGood) {
  const Persistent ref(Make<NodeRef>(Make<Node>()));
  EXPECT_NE(ref->Deref(), nullptr);
  CollectPrecisely();
  EXPECT_EQ(ref->Deref(), nullptr);
  EXPECT_TRUE(ref->IsCleared());
  CollectPrecisely();
  EXPECT_EQ(ref->Deref(), nullptr);
}

TEST_F(WeakRefConformance, F2_CreationKeepsTheTargetForTheTurn) {
  const Persistent ref(Make<NodeRef>(Make<Node>()));
  for (int i = 0; i < 3; i++) Collect();
  EXPECT_FALSE(ref->IsCleared());
  EndTurn();
  Collect();
  EXPECT_TRUE(ref->IsCleared());
}

TEST_F(WeakRefConformance, F3_DerefKeepsTheTargetForTheTurn) {
  const Persistent read(Make<NodeRef>(Make<Node>()));
  const Persistent unread(Make<NodeRef>(Make<Node>()));
  EndTurn();
  EXPECT_NE(read->Deref(), nullptr);
  Collect();
  EXPECT_FALSE(read->IsCleared());
  EXPECT_TRUE(unread->IsCleared());
  CollectPrecisely();
  EXPECT_TRUE(read->IsCleared());
}

TEST_F(WeakRefConformance, F4_EachTurnKeepsOnlyWhatItHasRead) {
  const Persistent first(Make<NodeRef>(Make<Node>()));
  const Persistent second(Make<NodeRef>(Make<Node>()));
  EndTurn();
  EXPECT_NE(first->Deref(), nullptr);
  EXPECT_NE(second->Deref(), nullptr);
  Collect();
  EndTurn();
  EXPECT_NE(first->Deref(), nullptr);
  Collect();
  EXPECT_FALSE(first->IsCleared());
  EXPECT_TRUE(second->IsCleared());
  EndTurn();
  Collect();
  EXPECT_TRUE(first->IsCleared());
}

// The life of a target of any type: kept for the turn, seen by a registry, then gone.
template <class T, class... A>
void LivesAndDies(WeakRefConformance& test, A... args) {
  int calls = 0;
  const Persistent registry(Make<FinalizationRegistry<int>>([&](int) { calls++; }));
  const Persistent ref(Make<WeakRef<T>>(Make<T>(args...)));
  const Persistent map(Make<WeakMap<T, int>>());
  ASSERT_TRUE(registry->Register(ref->Deref(), 1).ok());
  ASSERT_TRUE(map->Set(ref->Deref(), 2).ok());
  test.Collect();
  EXPECT_EQ(map->Get(ref->Deref()), 2);
  test.CollectAndDeliver();
  EXPECT_TRUE(ref->IsCleared());
  EXPECT_EQ(calls, 1);
}

struct Text {
  std::string text;
};

TEST_F(WeakRefConformance, F28_AnotherTypeLivesAndDiesAlike) {
  LivesAndDies<Node>(*this);
  LivesAndDies<Text>(*this, "a destructor of its own");
}

TEST_F(WeakRefConformance, J1_ScalarsAndWeakViewsLiveAndDieAlike) {
  LivesAndDies<int>(*this, 3);
  LivesAndDies<WeakSet<Node>>(*this);
  LivesAndDies<Vector<Member<Node>>>(*this);
}

class WeakRefStepConformance : public StepConformanceTest {};

TEST_F(WeakRefStepConformance, G5_IsClearedByWholeAndBySteppedCycles) {
  const Persistent ref(Make<NodeRef>(Make<Node>()));
  CollectPrecisely();
  EXPECT_TRUE(ref->IsCleared());

  const auto target = NewNode();
  const Persistent kept(Make<NodeRef>(target));
  const Persistent stepped(Make<NodeRef>(Make<Node>()));
  EndTurn();
  CycleStepper stepper(heap());
  for (const CycleStep step : kAllSteps) {
    stepper.AdvanceTo(step);
    EXPECT_EQ(stepped->IsCleared(), step >= CycleStep::kFlipped);
    EXPECT_FALSE(kept->IsCleared());
  }
  stepper.FinishCycle();
  EXPECT_EQ(kept->Deref(), target.get());
}

TEST_F(WeakRefConformance, I14_KeptThenReleasedThenCleared) {
  const Persistent ref(Make<NodeRef>(Make<Node>()));
  Collect();
  EXPECT_NE(ref->Deref(), nullptr);
  EndTurn();
  EXPECT_FALSE(ref->IsCleared());  // Released is not yet collected.
  Collect();
  EXPECT_EQ(ref->Deref(), nullptr);
}

TEST_F(WeakRefConformance, I16_AWeakRefIsATargetItself) {
  const auto node = NewNode();
  Persistent inner(Make<NodeRef>(node));
  const Persistent outer(Make<WeakRef<NodeRef>>(inner));
  CollectPrecisely();
  EXPECT_EQ(outer->Deref()->Deref(), node.get());
  inner = nullptr;
  CollectPrecisely();
  EXPECT_TRUE(outer->IsCleared());
}

}  // namespace
}  // namespace elegy::test
