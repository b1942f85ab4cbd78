// Vector: elements come, stay and go.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

struct Node {
  std::int64_t value = 0;
};

using Nodes = Vector<Member<Node>>;

class MemoryVectorTest : public HeapTest {
 protected:
  static Node* MakeNode(std::size_t value) { return Make<Node>(static_cast<std::int64_t>(value)); }
};

TEST_F(MemoryVectorTest, PushedElementsStay) {
  constexpr std::size_t kCount = 100'000;
  const Persistent<Nodes> nodes = Make<Nodes>();
  EXPECT_TRUE(nodes->empty());
  EXPECT_EQ(nodes->begin(), nodes->end());
  for (std::size_t i = 0; i < kCount; i++) {
    nodes->push_back(MakeNode(i));
    if (i % 20'000 == 0) CollectPrecisely();
  }
  CollectPrecisely();
  ASSERT_EQ(nodes->size(), kCount);
  EXPECT_GE(nodes->capacity(), kCount);
  std::int64_t next = 0;
  for (Node* each : *nodes) {
    ASSERT_EQ(each->value, next++);
  }
  EXPECT_EQ(nodes->back()->value, next - 1);
  const Nodes& same = *nodes;
  EXPECT_EQ(same[77]->value, 77);
  EXPECT_EQ(same.end() - same.begin(), static_cast<std::ptrdiff_t>(kCount));
}

TEST_F(MemoryVectorTest, PoppedElementsDie) {
  const Persistent<Nodes> nodes = Make<Nodes>();
  std::vector<WeakPersistent<Node>> weak;
  NoInline([&] {
    for (std::size_t i = 0; i < 1000; i++) {
      nodes->push_back(MakeNode(i));
      weak.emplace_back(nodes->back().get());
    }
  });
  NoInline([&] {
    for (int i = 0; i < 400; i++) nodes->pop_back();
  });
  CollectPrecisely();
  EXPECT_EQ(nodes->size(), 600u);
  for (std::size_t i = 0; i < weak.size(); i++) {
    ASSERT_EQ(weak[i].Get() != nullptr, i < 600) << i;
  }
  nodes->clear();
  EXPECT_TRUE(nodes->empty());
  CollectPrecisely();
  for (const WeakPersistent<Node>& each : weak) {
    ASSERT_EQ(each.Get(), nullptr);
  }
  nodes->push_back(MakeNode(5));
  CollectPrecisely();
  EXPECT_EQ(nodes->back()->value, 5);
}

// The array that a vector has outgrown keeps nothing.
TEST_F(MemoryVectorTest, OutgrownArraysKeepNothing) {
  const Persistent<Nodes> nodes = Make<Nodes>();
  const WeakPersistent<Node> weak = NoInline([&] {
    for (std::size_t i = 0; i < 100; i++) nodes->push_back(MakeNode(i));
    return WeakPersistent<Node>((*nodes)[3].get());
  });
  nodes->reserve(10'000);
  (*nodes)[3] = nullptr;
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
  EXPECT_EQ((*nodes)[4]->value, 4);
}

TEST_F(MemoryVectorTest, ReserveKeepsElementsAndAvoidsGrowing) {
  const Persistent<Nodes> nodes = Make<Nodes>();
  nodes->push_back(MakeNode(1));
  nodes->reserve(5000);
  EXPECT_EQ(nodes->size(), 1u);
  EXPECT_GE(nodes->capacity(), 5000u);
  const Member<Node>* const first = nodes->begin();
  for (std::size_t i = 1; i < 5000; i++) nodes->push_back(MakeNode(i + 1));
  EXPECT_EQ(nodes->begin(), first);
  nodes->reserve(10);
  EXPECT_EQ(nodes->begin(), first);
  EXPECT_EQ(nodes->size(), 5000u);
  CollectPrecisely();
  EXPECT_EQ(nodes->back()->value, 5000);
}

TEST_F(MemoryVectorTest, AnOverflowingReserveThrowsAndChangesNothing) {
  const Persistent<Nodes> nodes = Make<Nodes>();
  nodes->push_back(MakeNode(8));
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  for (const std::size_t capacity : {kMost, kMost / 2, kMost / 8, kMost / 8 + 1, kMost / 16}) {
    EXPECT_THROW(nodes->reserve(capacity), std::bad_alloc);
  }
  EXPECT_EQ(nodes->size(), 1u);
  EXPECT_EQ(nodes->back()->value, 8);
}

TEST_F(MemoryVectorTest, AnElementMayBePushedAgain) {
  const Persistent<Nodes> nodes = Make<Nodes>();
  nodes->push_back(MakeNode(2));
  for (int i = 0; i < 100; i++) nodes->push_back((*nodes)[0]);
  CollectPrecisely();
  for (Node* each : *nodes) {
    ASSERT_EQ(each, (*nodes)[0]);
  }
}

// Inserts, erases and resizes at random places, as a std::vector does.
TEST_F(MemoryVectorTest, IsWhatAStdVectorWouldBe) {
  const Persistent<Nodes> nodes = Make<Nodes>();
  std::vector<std::int64_t> expected;
  std::minstd_rand random(7);
  const auto place = [&](std::size_t places) {
    return static_cast<std::ptrdiff_t>(random() % places);
  };
  for (std::int64_t i = 0; i < 3'000; i++) {
    const std::ptrdiff_t at = place(expected.size() + 1);
    const std::size_t behind = expected.size() - static_cast<std::size_t>(at);
    if (random() % 3 != 0) {
      Member<Node>* const inserted = nodes->insert(nodes->begin() + at, Make<Node>(i));
      expected.insert(expected.begin() + at, i);
      ASSERT_EQ((*inserted)->value, i);
    } else if (behind > 0) {
      const std::ptrdiff_t end = at + 1 + place(std::min<std::size_t>(behind, 3));
      const Member<Node>* const next = nodes->erase(nodes->begin() + at, nodes->begin() + end);
      expected.erase(expected.begin() + at, expected.begin() + end);
      ASSERT_EQ(next - nodes->begin(), at);
    }
    if (i % 500 == 0) heap().RequestCollection();
    if (i % 100 == 0) {
      nodes->resize(expected.size() + 2);
      ASSERT_EQ(nodes->back(), nullptr);
      nodes->resize(expected.size());
    }
    ASSERT_EQ(nodes->size(), expected.size());
  }
  CollectPrecisely();
  for (std::size_t i = 0; i < expected.size(); i++) {
    ASSERT_EQ((*nodes)[i]->value, expected[i]);
  }
  EXPECT_EQ(nodes->front()->value, expected.front());
  EXPECT_EQ(nodes->data(), nodes->begin());
}

TEST_F(MemoryVectorTest, ErasedElementsDie) {
  const Persistent<Nodes> nodes = Make<Nodes>();
  const WeakPersistent<Node> weak = NoInline([&] {
    for (std::size_t i = 0; i < 3; i++) nodes->push_back(MakeNode(i));
    return WeakPersistent<Node>((*nodes)[1]);
  });
  NoInline([&] { EXPECT_EQ((*nodes->erase(nodes->begin() + 1))->value, 2); });
  CollectPrecisely();
  EXPECT_TRUE(NoInline([&] { return weak.Get() == nullptr; }));
  const Member<Node>* const rest = nodes->erase(nodes->begin(), nodes->end());
  EXPECT_EQ(rest, nodes->end());
  EXPECT_TRUE(nodes->empty());
}

TEST_F(MemoryVectorTest, WeakElementsReadNullOnceTheirTargetsDie) {
  const Persistent<Vector<WeakMember<Node>>> weak = Make<Vector<WeakMember<Node>>>();
  std::vector<Persistent<Node>> kept;
  NoInline([&] {
    for (std::size_t i = 0; i < 3000; i++) {
      Node* const node = MakeNode(i);
      weak->push_back(node);
      if (i % 3 == 0) kept.emplace_back(node);
    }
  });
  CollectPrecisely();
  ASSERT_EQ(weak->size(), 3000u);
  for (std::size_t i = 0; i < weak->size(); i++) {
    ASSERT_EQ((*weak)[i].Get(), i % 3 == 0 ? kept[i / 3].get() : nullptr);
  }
  weak->reserve(10'000);  // moves the cells
  for (int i = 0; i < 500; i++) weak->pop_back();
  kept.erase(kept.begin() + 100, kept.end());
  CollectPrecisely();
  for (std::size_t i = 0; i < weak->size(); i++) {
    ASSERT_EQ((*weak)[i].Get(), i % 3 == 0 && i < 300 ? kept[i / 3].get() : nullptr);
  }
}

TEST_F(MemoryVectorTest, ScalarsAndStringsMayBeElements) {
  const Persistent<Vector<double>> numbers = Make<Vector<double>>();
  const Persistent<Vector<std::string>> texts = Make<Vector<std::string>>();
  for (int i = 0; i < 5000; i++) {
    numbers->push_back(i / 2.0);
    texts->push_back("the text with the number " + std::to_string(i));
  }
  CollectPrecisely();
  for (std::size_t i = 0; i < 5000; i++) {
    ASSERT_EQ((*numbers)[i], static_cast<double>(i) / 2);
    ASSERT_EQ((*texts)[i], "the text with the number " + std::to_string(i));
  }
  texts->clear();
  EXPECT_TRUE(texts->empty());
}

TEST_F(MemoryVectorTest, AtomicSlotsMayBeElements) {
  const Persistent<Vector<AtomicMember<Node>>> nodes = Make<Vector<AtomicMember<Node>>>();
  const WeakPersistent<Node> popped = NoInline([&] {
    for (std::size_t i = 0; i < 1000; i++) nodes->push_back(MakeNode(i));
    return WeakPersistent<Node>(nodes->back().load());
  });
  NoInline([&] { nodes->pop_back(); });
  nodes->reserve(10'000);
  CollectPrecisely();
  EXPECT_EQ(popped.Get(), nullptr);
  ASSERT_EQ(nodes->size(), 999u);
  for (std::size_t i = 0; i < nodes->size(); i++) {
    ASSERT_EQ((*nodes)[i].load()->value, static_cast<std::int64_t>(i));
  }
  Node* const first = (*nodes)[0];
  Node* expected = first;
  EXPECT_TRUE((*nodes)[1].exchange(first) != first);
  EXPECT_TRUE((*nodes)[1].compare_exchange_strong(expected, nullptr));
  nodes->clear();
  EXPECT_TRUE(nodes->empty());
}

struct Row {
  Member<Node> node;
  std::pair<int, WeakMember<Node>> other = {1, nullptr};
};

TEST_F(MemoryVectorTest, StructsOfSlotsMayBeElements) {
  const Persistent<Vector<Row>> rows = Make<Vector<Row>>();
  NoInline([&] {
    for (std::size_t i = 0; i < 500; i++) rows->push_back(Row{MakeNode(i), {2, MakeNode(i)}});
  });
  CollectPrecisely();
  for (std::size_t i = 0; i < rows->size(); i++) {
    ASSERT_EQ((*rows)[i].node->value, static_cast<std::int64_t>(i));
    ASSERT_EQ((*rows)[i].other.first, 2);
    ASSERT_EQ((*rows)[i].other.second.Get(), nullptr);
  }
}

// As a field, and as an element of another vector.
class Shelf {
 public:
  void Trace(Visitor& visitor) const {
    visitor.Trace(nodes);
    visitor.Trace(shelves);
  }
  Nodes nodes;
  Vector<Member<Shelf>> shelves;
};

TEST_F(MemoryVectorTest, AVectorMayBeAField) {
  const Persistent<Shelf> shelf = Make<Shelf>();
  for (std::size_t i = 0; i < 50; i++) {
    shelf->shelves.push_back(Make<Shelf>());
    for (std::size_t k = 0; k < 50; k++) shelf->shelves[i]->nodes.push_back(MakeNode(i * 50 + k));
  }
  CollectPrecisely();
  CollectPrecisely();
  for (std::size_t i = 0; i < 50; i++) {
    for (std::size_t k = 0; k < 50; k++) {
      ASSERT_EQ(shelf->shelves[i]->nodes[k]->value, static_cast<std::int64_t>(i * 50 + k));
    }
  }
}

struct Aggregate {
  int number = 1;
  Nodes nodes;
};

TEST_F(MemoryVectorTest, AVectorMayBeAFieldOfAnAggregate) {
  const Persistent<Aggregate> aggregate = Make<Aggregate>();
  for (std::size_t i = 0; i < 100; i++) aggregate->nodes.push_back(MakeNode(i));
  CollectPrecisely();
  EXPECT_EQ(aggregate->nodes[99]->value, 99);
}

// It grows, and its elements move, in every phase of a cycle.
TEST_F(MemoryVectorTest, GrowingDuringACycleKeepsTheElements) {
  for (const CycleStep step :
       {CycleStep::kBarrierOn, CycleStep::kStacksScanned, CycleStep::kMarked, CycleStep::kFlipped,
        CycleStep::kCellsCleared, CycleStep::kRecordsQueued, CycleStep::kSwept}) {
    const Persistent<Nodes> nodes = Make<Nodes>();
    for (std::size_t i = 0; i < 100; i++) nodes->push_back(MakeNode(i));
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    for (std::size_t i = 100; i < 1000; i++) nodes->push_back(MakeNode(i));
    stepper.FinishCycle();
    CollectPrecisely();
    for (std::size_t i = 0; i < 1000; i++) {
      ASSERT_EQ((*nodes)[i]->value, static_cast<std::int64_t>(i)) << static_cast<int>(step);
    }
  }
}

}  // namespace
}  // namespace elegy::test
