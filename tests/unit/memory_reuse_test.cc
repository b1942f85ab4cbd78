// What becomes of the memory of dead objects: it is used again, for the same type and for others,
// and given back.

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

struct Node {
  Member<Node> next;
  std::int64_t value = 0;
  std::array<std::int64_t, 2> padding = {};
};

struct Pair {
  std::int64_t first = -1, second = -1;
};

struct Wide {
  Member<Node> node;
  std::array<std::int64_t, 30> padding = {};
};

struct Text {
  std::string text = "a text that is too long to be stored in place";
};

constexpr std::size_t kMiB = std::size_t{1} << 20;
// What may be taken although nothing lives.
constexpr std::size_t kSlack = 128 << 10;

class MemoryReuseTest : public HeapTest {
 protected:
  std::size_t HeapBytes() { return heap().Stats().heap_bytes; }
  std::size_t HeapBytesAfterCollecting() {
    CollectPrecisely();
    return HeapBytes();
  }
  template <class T>
  static std::vector<Persistent<T>> MakeMany(std::size_t count) {
    std::vector<Persistent<T>> objects;
    for (std::size_t i = 0; i < count; i++) objects.emplace_back(Make<T>());
    return objects;
  }
};

TEST_F(MemoryReuseTest, AnEmptyHeapTakesNothing) {
  EXPECT_EQ(HeapBytes(), 0u);
  EXPECT_LE(HeapBytesAfterCollecting(), kSlack);
}

// A mutator takes some blocks more than it needs at once, and has to give them up with each cycle:
// the sweep frees them.
TEST_F(MemoryReuseTest, BlocksTakenAheadAreNotUsedInTheNextCycle) {
  constexpr std::size_t kBlock = 16384 / sizeof(Node);
  NoInline([] { MakeMany<Node>(20 * kBlock); });  // and drops them
  CollectPrecisely();
  NoInline([] { Make<Node>(); });
  CollectPrecisely();
  const auto nodes = MakeMany<Node>(3 * kBlock);
  for (std::size_t i = 0; i < nodes.size(); i++) nodes[i]->value = static_cast<std::int64_t>(i);
  CollectPrecisely();
  const auto pairs = MakeMany<Pair>(100 * 16384 / sizeof(Pair));
  for (std::size_t i = 0; i < nodes.size(); i++) {
    ASSERT_EQ(nodes[i]->value, static_cast<std::int64_t>(i));
  }
}

TEST_F(MemoryReuseTest, WhatHasDiedIsGivenBack) {
  auto nodes = NoInline([] { return MakeMany<Node>(100'000); });
  auto wide = NoInline([] { return MakeMany<Wide>(20'000); });
  auto texts = NoInline([] { return MakeMany<Text>(20'000); });
  const std::size_t full = HeapBytesAfterCollecting();
  EXPECT_GE(full, 100'000 * sizeof(Node) + 20'000 * sizeof(Wide) + 20'000 * sizeof(Text));
  nodes.clear();
  const std::size_t without_nodes = HeapBytesAfterCollecting();
  EXPECT_LE(without_nodes, full - 100'000 * sizeof(Node) + kSlack);
  texts.clear();
  wide.clear();
  EXPECT_LE(HeapBytesAfterCollecting(), kSlack);
  EXPECT_EQ(heap().Stats().live_bytes, 0u);
}

TEST_F(MemoryReuseTest, LargeObjectsAreGivenBack) {
  for (int round = 0; round < 5; round++) {
    auto arrays = NoInline([] {
      std::vector<Persistent<Array<char>>> made;
      for (std::size_t i = 1; i <= 16; i++) made.emplace_back(MakeArray<char>(i * 100'000));
      return made;
    });
    EXPECT_GE(HeapBytesAfterCollecting(), 136 * 100'000u);
    arrays.erase(arrays.begin() + 8, arrays.end());
    EXPECT_LE(HeapBytesAfterCollecting(), 36 * 100'000u + 8 * 16384 + kSlack);
    arrays.clear();
    EXPECT_LE(HeapBytesAfterCollecting(), kSlack);
  }
}

TEST_F(MemoryReuseTest, TheSameTypeUsesItsMemoryAgain) {
  constexpr std::size_t kCount = 50'000;
  NoInline([] { MakeMany<Node>(kCount); });
  const std::size_t first = HeapBytes();
  for (int round = 0; round < 20; round++) {
    CollectPrecisely();
    NoInline([] { MakeMany<Node>(kCount); });
    EXPECT_LE(HeapBytes(), first + kSlack);
  }
}

TEST_F(MemoryReuseTest, OtherTypesUseTheMemoryToo) {
  NoInline([] { MakeMany<Node>(60'000); });
  const std::size_t first = HeapBytes();
  for (int round = 0; round < 5; round++) {
    CollectPrecisely();
    NoInline([] { MakeMany<Wide>(60'000 * sizeof(Node) / sizeof(Wide)); });
    EXPECT_LE(HeapBytes(), first + first / 8 + kSlack);
    CollectPrecisely();
    NoInline([] { MakeArray<char>(60'000 * sizeof(Node)); });
    EXPECT_LE(HeapBytes(), first + kSlack);
    CollectPrecisely();
    NoInline([] { MakeMany<Text>(60'000 * sizeof(Node) / sizeof(Text)); });
    EXPECT_LE(HeapBytes(), first + first / 8 + kSlack);
  }
}

// Of each run of `period` objects one stays: the holes take as many new objects as have died.
void FillHoles(MemoryReuseTest& test, std::size_t period) {
  constexpr std::size_t kCount = 60'000;
  std::vector<Persistent<Node>> live = NoInline([&] {
    std::vector<Persistent<Node>> kept;
    for (std::size_t i = 0; i < kCount; i++) {
      Node* const node = Make<Node>();
      node->value = static_cast<std::int64_t>(i);
      if (i % period == 0) kept.emplace_back(node);
    }
    return kept;
  });
  const std::size_t full = test.heap().Stats().heap_bytes;
  test.CollectPrecisely();
  const std::size_t dead = kCount - live.size();
  for (std::size_t i = 0; i < dead; i++) live.emplace_back(Make<Node>());
  EXPECT_LE(test.heap().Stats().heap_bytes, full + kSlack) << "every " << period;
  test.CollectPrecisely();
  for (std::size_t i = 0; i < kCount; i++) {
    const std::size_t expected = i < kCount - dead ? i * period : 0;
    ASSERT_EQ(live[i]->value, static_cast<std::int64_t>(expected));
  }
}

TEST_F(MemoryReuseTest, HolesBetweenLiveObjectsAreUsed) {
  FillHoles(*this, 2);
  FillHoles(*this, 3);
  FillHoles(*this, 10);
  FillHoles(*this, 600);
}

TEST_F(MemoryReuseTest, LargeObjectsFitBetweenOthers) {
  constexpr std::size_t kBytes = 10 * 16384 - 64;
  constexpr std::size_t kFull = 200 * 10 * 16384;
  std::vector<Persistent<Array<char>>> live;
  NoInline([&] {
    for (int i = 0; i < 100; i++) {
      live.emplace_back(MakeArray<char>(kBytes));
      MakeArray<char>(kBytes);
    }
  });
  CollectPrecisely();
  for (int i = 0; i < 100; i++) live.emplace_back(MakeArray<char>(kBytes));
  EXPECT_LE(HeapBytes(), kFull + kSlack);
  for (const auto& each : live) each->begin()[kBytes - 1] = 'x';
  CollectPrecisely();
  for (const auto& each : live) {
    ASSERT_EQ(each->begin()[kBytes - 1], 'x');
  }
}

// What is allocated while a cycle runs lives through that cycle, and dies in the next.
TEST_F(MemoryReuseTest, WhatIsAllocatedDuringACycleDiesInTheNext) {
  for (const CycleStep step :
       {CycleStep::kBarrierOn, CycleStep::kStacksScanned, CycleStep::kMarked, CycleStep::kFlipped,
        CycleStep::kCellsCleared, CycleStep::kRecordsQueued, CycleStep::kSwept}) {
    {
      CycleStepper stepper(heap());
      stepper.AdvanceTo(step);
      NoInline([] { MakeMany<Node>(20'000); });
      stepper.FinishCycle();
    }
    EXPECT_LE(HeapBytesAfterCollecting(), kSlack) << "step " << static_cast<int>(step);
  }
}

TEST_F(MemoryReuseTest, SurvivorsOfACycleKeepTheirMemoryWhileOthersAllocate) {
  std::vector<Persistent<Node>> live;
  for (const CycleStep step :
       {CycleStep::kBarrierOn, CycleStep::kStacksScanned, CycleStep::kMarked, CycleStep::kFlipped,
        CycleStep::kCellsCleared, CycleStep::kRecordsQueued, CycleStep::kSwept}) {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    for (int i = 0; i < 3000; i++) {
      Node* const node = Make<Node>();
      node->value = i;
      if (i % 3 == 0) live.emplace_back(node);
    }
    stepper.FinishCycle();
  }
  CollectPrecisely();
  NoInline([] { MakeMany<Node>(20'000); });
  for (std::size_t i = 0; i < live.size(); i++) {
    ASSERT_EQ(live[i]->value, static_cast<std::int64_t>(i % 1000) * 3);
  }
}

// Without being asked; what it has not come to in the meantime, it comes to in the end.
TEST_F(MemoryReuseTest, GarbageIsCollectedUnasked) {
  constexpr std::size_t kEnough = std::size_t{4} << 30;  // to see that it is not
  while (heap().Stats().cycles < 5 && heap().Stats().allocated_bytes < kEnough) {
    NoInline([] { MakeMany<Node>(20'000); });
    MakeArray<char>(kMiB);
  }
  EXPECT_GE(heap().Stats().cycles, 5u);
  EXPECT_LE(HeapBytesAfterCollecting(), kSlack);
}

}  // namespace
}  // namespace elegy::test
