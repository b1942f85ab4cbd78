// Weak maps that are changed while a cycle is stopped at each of its steps.

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

using NodeMap = IterableWeakMap<Node, Member<Node>>;

// Only handles are roots.
class MapStepTest : public HeapTest, public ::testing::WithParamInterface<CycleStep> {
 public:
  explicit MapStepTest(bool conservative_stacks = false)
      : HeapTest({.marker_threads = 2, .conservative_stacks = conservative_stacks}),
        map(Make<NodeMap>()),
        key(NewNode()) {}

  Node* NewNode() { return Make<Node>(deaths); }
  // A node that refers to another, which nothing else refers to.
  Node* NewPair() {
    const Persistent<Node> head(NewNode());
    head->next = NewNode();
    return head;
  }
  static bool IsWhole(Node* head) {
    return head != nullptr && head->IsIntact() && head->next->IsIntact();
  }
  void RunCycle(CycleStepper& stepper) {
    stepper.AdvanceTo(CycleStep::kSwept);
    stepper.FinishCycle();
  }

  std::atomic<int> deaths{0};
  Persistent<NodeMap> map;
  Persistent<Node> key;
};

std::string StepName(const ::testing::TestParamInfo<CycleStep>& info) {
  constexpr const char* kNames[] = {"BarrierOn",    "StacksScanned", "Marked", "Flipped",
                                    "CellsCleared", "RecordsQueued", "Swept"};
  return kNames[static_cast<int>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(Steps, MapStepTest,
                         ::testing::Values(CycleStep::kBarrierOn, CycleStep::kStacksScanned,
                                           CycleStep::kMarked, CycleStep::kFlipped,
                                           CycleStep::kCellsCleared, CycleStep::kRecordsQueued,
                                           CycleStep::kSwept),
                         StepName);

// While the heap is marking, and all threads have been scanned.
using MapSharedValueStepTest = MapStepTest;

INSTANTIATE_TEST_SUITE_P(Steps, MapSharedValueStepTest,
                         ::testing::Values(CycleStep::kStacksScanned, CycleStep::kMarked),
                         StepName);

// ---- entries that are set ----

TEST_P(MapStepTest, NewEntryKeepsItsValueWhileTheKeyLives) {
  Persistent<Node> value(NewPair());
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  ASSERT_TRUE(map->Set(key, value.get()).ok());
  value = nullptr;
  stepper.FinishCycle();
  EXPECT_TRUE(IsWhole(map->Get(key)));
  RunCycle(stepper);
  EXPECT_TRUE(IsWhole(map->Get(key)));
  EXPECT_EQ(map->size(), 1u);
  key = nullptr;
  RunCycle(stepper);
  EXPECT_EQ(map->size(), 0u);
  EXPECT_EQ(deaths, 3);
}

TEST_P(MapStepTest, ValueBornAtTheStepIsKept) {
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  ASSERT_TRUE(map->Set(key, NewPair()).ok());
  stepper.FinishCycle();
  RunCycle(stepper);
  EXPECT_TRUE(IsWhole(map->Get(key)));
}

TEST_P(MapStepTest, MapBornAtTheStepKeepsItsValues) {
  Persistent<Node> value(NewPair());
  Persistent<Node> doomed(NewNode());
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  const Persistent<NodeMap> born(Make<NodeMap>());
  ASSERT_TRUE(born->Set(key, value.get()).ok());
  ASSERT_TRUE(born->Set(doomed, value.get()).ok());
  value = nullptr;
  doomed = nullptr;
  stepper.FinishCycle();
  EXPECT_TRUE(IsWhole(born->Get(key)));
  RunCycle(stepper);
  EXPECT_TRUE(IsWhole(born->Get(key)));
  EXPECT_EQ(born->size(), 1u);
}

TEST_P(MapStepTest, KeyBornAtTheStepIsFoundAndDiesLater) {
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  Persistent<Node> born(NewNode());
  ASSERT_TRUE(map->Set(born, NewPair()).ok());
  stepper.FinishCycle();
  EXPECT_TRUE(IsWhole(map->Get(born)));
  born = nullptr;
  RunCycle(stepper);
  RunCycle(stepper);
  EXPECT_EQ(map->size(), 0u);
  EXPECT_EQ(deaths, 3);
}

TEST_P(MapStepTest, ValueMovedFromOneMapToAnotherIsKept) {
  const Persistent<NodeMap> second(Make<NodeMap>());
  ASSERT_TRUE(map->Set(key, NewPair()).ok());
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  ASSERT_TRUE(second->Set(key, map->Get(key)).ok());
  ASSERT_TRUE(map->Delete(key));
  stepper.FinishCycle();
  RunCycle(stepper);
  EXPECT_TRUE(IsWhole(second->Get(key)));
}

// ---- entries that go ----

// What a program has read from the map is its own, whatever becomes of the entry.
TEST_P(MapStepTest, ValueReadBeforeItsEntryIsDeletedLives) {
  ASSERT_TRUE(map->Set(key, NewPair()).ok());
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  Node* const value = map->Get(key);
  ASSERT_TRUE(map->Delete(key));
  const Persistent<Node> held(value);
  stepper.FinishCycle();
  EXPECT_TRUE(IsWhole(held));
  EXPECT_FALSE(map->Has(key));
}

TEST_P(MapStepTest, ValueReadBeforeItsEntryIsOverwrittenLives) {
  ASSERT_TRUE(map->Set(key, NewPair()).ok());
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  Node* const value = map->Get(key);
  ASSERT_TRUE(map->Set(key, NewPair()).ok());
  const Persistent<Node> held(value);
  stepper.FinishCycle();
  EXPECT_TRUE(IsWhole(held));
  EXPECT_TRUE(IsWhole(map->Get(key)));
  EXPECT_NE(map->Get(key), held);
}

TEST_P(MapStepTest, ValueReadBeforeTheMapIsClearedLives) {
  ASSERT_TRUE(map->Set(key, NewPair()).ok());
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  Node* const value = map->Get(key);
  map->Clear();
  const Persistent<Node> held(value);
  stepper.FinishCycle();
  EXPECT_TRUE(IsWhole(held));
  EXPECT_EQ(map->size(), 0u);
}

// Nothing refers to the keys, and so to the values: what the map drops is no work for later.
TEST_P(MapStepTest, EntriesOfDyingKeysMayBeCleared) {
  constexpr int kEntries = 2000;
  NoInline([&] {
    for (int i = 0; i < kEntries; i++) ASSERT_TRUE(map->Set(NewNode(), NewPair()).ok());
  });
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  map->Clear();
  stepper.FinishCycle();
  RunCycle(stepper);
  RunCycle(stepper);
  EXPECT_EQ(deaths, 3 * kEntries);
}

// One value of many entries of dying keys is brought back once.
TEST_P(MapSharedValueStepTest, ClearedEntriesCountItOnce) {
  std::atomic<std::uint64_t> resurrections{0};
  heap().SetObserver([&](const HeapEvent& event) {
    if (event.kind == HeapEvent::Kind::kFlipped) resurrections = event.count;
  });
  NoInline([&] {
    Node* const shared = NewPair();
    for (int i = 0; i < 1000; i++) ASSERT_TRUE(map->Set(NewNode(), shared).ok());
  });
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  map->Clear();
  stepper.AdvanceTo(CycleStep::kFlipped);
  EXPECT_EQ(resurrections, 1u);
  stepper.FinishCycle();
  heap().SetObserver(nullptr);
}

TEST_P(MapStepTest, ValueReadBeforeMapAndKeyAreDroppedLives) {
  ASSERT_TRUE(map->Set(key, NewPair()).ok());
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  Node* const value = map->Get(key);
  map = nullptr;
  key = nullptr;
  const Persistent<Node> held(value);
  stepper.FinishCycle();
  EXPECT_TRUE(IsWhole(held));
}

TEST_P(MapStepTest, ValueComputedOverAnEntryThatTheFunctionSet) {
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  Node* inner = nullptr;
  const auto made = map->GetOrInsertComputed(key, [&](Node* asked_for) {
    inner = NewPair();
    EXPECT_TRUE(map->Set(asked_for, inner).ok());
    return NewPair();
  });
  ASSERT_TRUE(made.ok());
  const Persistent<Node> held(inner);
  stepper.FinishCycle();
  RunCycle(stepper);
  EXPECT_TRUE(IsWhole(held));
  EXPECT_TRUE(IsWhole(map->Get(key)));
}

TEST_P(MapStepTest, DeletedAndSetAgain) {
  ASSERT_TRUE(map->Set(key, NewPair()).ok());
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  ASSERT_TRUE(map->Delete(key));
  ASSERT_TRUE(map->Set(key, NewPair()).ok());
  EXPECT_TRUE(IsWhole(map->Get(key)));
  stepper.FinishCycle();
  EXPECT_TRUE(IsWhole(map->Get(key)));
  RunCycle(stepper);
  RunCycle(stepper);
  EXPECT_TRUE(IsWhole(map->Get(key)));
  EXPECT_EQ(map->size(), 1u);
  EXPECT_EQ(deaths, 2);
}

TEST_P(MapStepTest, DeletedEntryDoesNotKeepItsValueForEver) {
  ASSERT_TRUE(map->Set(key, NewPair()).ok());
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  ASSERT_TRUE(map->Delete(key));
  stepper.FinishCycle();
  RunCycle(stepper);
  EXPECT_EQ(deaths, 2);
}

// ---- dying keys meanwhile ----

TEST_P(MapStepTest, TableIsRebuiltAmongDyingKeys) {
  constexpr int kEach = 5000;
  const Persistent<Array<Member<Node>>> living(MakeArray<Member<Node>>(2 * kEach));
  for (int i = 0; i < kEach; i++) {
    (*living)[i] = NewNode();
    ASSERT_TRUE(map->Set(NewNode(), NewNode()).ok());
    ASSERT_TRUE(map->Set((*living)[i], NewNode()).ok());
  }
  const std::size_t more = 2 * kEach;
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  for (std::size_t i = kEach; i < more; i++) {
    (*living)[i] = NewNode();
    ASSERT_TRUE(map->Set((*living)[i], NewNode()).ok());
  }
  for (std::size_t i = 0; i < kEach; i += 2) ASSERT_TRUE(map->Delete((*living)[i])) << i;
  const std::size_t size = map->size();
  const bool flipped = GetParam() >= CycleStep::kFlipped;
  EXPECT_EQ(size, static_cast<std::size_t>(kEach + kEach / 2 + (flipped ? 0 : kEach)));
  stepper.FinishCycle();
  EXPECT_EQ(map->size(), static_cast<std::size_t>(kEach + kEach / 2));
  for (std::size_t i = 0; i < more; i++) {
    const bool deleted = i < kEach && i % 2 == 0;
    ASSERT_EQ(map->Has((*living)[i]), !deleted) << i;
    if (!deleted) {
      ASSERT_TRUE(map->Get((*living)[i])->IsIntact()) << i;
    }
  }
  RunCycle(stepper);
  EXPECT_EQ(deaths, 2 * kEach + kEach / 2);
}

TEST_P(MapStepTest, DyingMapThatIsStillFilledDiesWithItsValues) {
  Persistent<NodeMap> dying(Make<NodeMap>());
  for (int i = 0; i < 100; i++) ASSERT_TRUE(dying->Set(key, NewNode()).ok());
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  ASSERT_TRUE(dying->Set(key, NewNode()).ok());
  const Persistent<Node> other(NewNode());
  ASSERT_TRUE(dying->Set(other, NewNode()).ok());
  dying = nullptr;
  stepper.FinishCycle();
  RunCycle(stepper);
  EXPECT_EQ(deaths, 102);
}

TEST_P(MapStepTest, IterationHandsOutWhatLivesAndKeepsIt) {
  ASSERT_TRUE(map->Set(key, NewPair()).ok());
  ASSERT_TRUE(map->Set(NewNode(), NewPair()).ok());
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  std::vector<std::pair<Persistent<Node>, Persistent<Node>>> seen;
  map->ForEach([&](Node* each, Node* value) { seen.emplace_back(each, value); });
  const bool flipped = GetParam() >= CycleStep::kFlipped;
  EXPECT_EQ(seen.size(), flipped ? 1u : 2u);
  stepper.FinishCycle();
  for (const auto& [each, value] : seen) {
    EXPECT_TRUE(each->IsIntact());
    EXPECT_TRUE(IsWhole(value));
    EXPECT_EQ(map->Get(each), value);
  }
  EXPECT_EQ(map->size(), seen.size());
}

// The value is held by a local variable alone: this thread has been scanned before it was read.
class MapStackStepTest : public MapStepTest {
 public:
  MapStackStepTest() : MapStepTest(/*conservative_stacks=*/true) {}
};

INSTANTIATE_TEST_SUITE_P(Steps, MapStackStepTest,
                         ::testing::Values(CycleStep::kStacksScanned, CycleStep::kMarked),
                         StepName);

TEST_P(MapStackStepTest, ValueDeletedFromTheMapButHeldByALocalVariableLives) {
  NoInline([&] { ASSERT_TRUE(map->Set(key, NewPair()).ok()); });
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  Node* const value = map->Get(key);
  ASSERT_TRUE(map->Delete(key));
  stepper.FinishCycle();
  EXPECT_TRUE(IsWhole(value));
  stepper.AdvanceTo(CycleStep::kSwept);
  EXPECT_TRUE(IsWhole(value));
  KeepAlive(value);
}

}  // namespace
}  // namespace elegy::test
