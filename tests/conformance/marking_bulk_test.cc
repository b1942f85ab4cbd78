// Much weak state in one cycle, and mutators that go on beside it.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/conformance/fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;

using NodeMap = WeakMap<Node, Member<Node>>;
using NodeRef = WeakRef<Node>;

class MarkingBulkConformance : public StepConformanceTest {};

TEST_F(MarkingBulkConformance, I23_AHundredThousandEntriesInAThousandMapsTakeOneCycle) {
  const std::size_t maps = Scaled(1000);
  constexpr std::size_t kEntries = 100;
  std::vector<Persistent<NodeMap>> all;
  auto first = NewNode();
  Persistent<Node> from(first);
  for (std::size_t i = 0; i < maps; i++) {
    all.emplace_back(Make<NodeMap>());
    for (std::size_t j = 0; j < kEntries; j++) {
      const auto to = NewNode(from->value + 1);
      ASSERT_TRUE(all.back()->Set(from, to.get()).ok());
      from = to;
    }
  }
  const int last = from->value;
  from = nullptr;
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kStacksScanned);
  mutator().Safepoint();
  RunCycle(stepper);
  Node* node = first;
  for (const auto& map : all) {
    for (std::size_t j = 0; j < kEntries; j++) {
      node = map->Get(node);
      ASSERT_NE(node, nullptr);
    }
  }
  EXPECT_EQ(node->value, last);
  // And they die in one.
  first = nullptr;
  EndTurn();
  const std::uint64_t cleared = heap().Stats().cells_cleared;
  RunCycle(stepper);
  EXPECT_EQ(heap().Stats().cells_cleared - cleared, maps * kEntries);
}

TEST_F(MarkingBulkConformance, I26_AValueReadFromAMapMayBeHeldAcrossCycles) {
  const auto key = NewNode();
  Persistent map(Make<NodeMap>());
  for (const CycleStep step : kAllSteps) {
    ASSERT_TRUE(map->Set(key, Make<Node>(1)).ok());
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    const Persistent<Node> held(map->Get(key));
    map = Make<NodeMap>();
    stepper.FinishCycle();
    RunCycle(stepper);
    EXPECT_EQ(held->value, 1);
  }
}

TEST_F(MarkingBulkConformance, I30_MapsAndRefsChangedAtEveryStepOfOneCycle) {
  constexpr int kKeys = 50;
  for (int round = 0; round < 5; round++) {
    const Persistent map(Make<NodeMap>());
    std::vector<Persistent<Node>> keys;
    std::vector<Persistent<NodeRef>> dropped;
    CycleStepper stepper(heap());
    for (const CycleStep step : kAllSteps) {
      stepper.AdvanceTo(step);
      for (int i = 0; i < kKeys; i++) {
        keys.push_back(NewNode(static_cast<int>(keys.size())));
        ASSERT_TRUE(map->Set(keys.back(), Make<Node>(keys.back()->value)).ok());
        const Persistent<Node> key(keys[static_cast<std::size_t>(i)]);
        dropped.emplace_back(Make<NodeRef>(map->Get(key)));
        ASSERT_TRUE(map->Set(key, Make<Node>(key->value)).ok());
      }
      EndTurn();
    }
    stepper.FinishCycle();
    for (int i = 0; i < 2; i++) RunCycle(stepper);
    for (const auto& key : keys) ASSERT_EQ(map->Get(key)->value, key->value);
    for (const auto& ref : dropped) ASSERT_TRUE(ref->IsCleared());
  }
}

// The mutator is not stopped for it: at the flip it goes on, and sees all of them as dead while the
// collector has not come to a single cell.
TEST_F(MarkingBulkConformance, J10_AnyNumberOfDeadCellsIsClearedBesideTheMutator) {
  constexpr int kCells = 10'000;
  std::vector<Persistent<NodeRef>> refs;
  for (int i = 0; i < kCells; i++) refs.emplace_back(Make<NodeRef>(Make<Node>()));
  EndTurn();
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kFlipped);
  EXPECT_EQ(heap().Stats().cells_cleared, 0u);
  for (const auto& ref : refs) ASSERT_EQ(ref->Deref(), nullptr);
  std::vector<Persistent<Node>> made;
  for (int i = 0; i < 1000; i++) made.push_back(NewNode(i));
  EndTurn();
  EXPECT_EQ(heap().Stats().cells_cleared, 0u);
  stepper.AdvanceTo(CycleStep::kCellsCleared);
  EXPECT_EQ(heap().Stats().cells_cleared, static_cast<std::uint64_t>(kCells));
  for (int i = 0; i < 1000; i++) ASSERT_EQ(made[static_cast<std::size_t>(i)]->value, i);
}

}  // namespace
}  // namespace elegy::test
