// WeakPersistent: a weak cell outside the heap.

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

struct Node {
  int value = 0;
  Member<Node> next;
};

class First {
 public:
  virtual ~First() = default;
  int first = 1;
};
class Second {
 public:
  virtual ~Second() = default;
  int second = 2;
};
class Both final : public First, public Second {};

}  // namespace
}  // namespace elegy::test

template <>
inline constexpr bool elegy::kHasNoSlots<elegy::test::Both> = true;

namespace elegy::test {
namespace {

class WeakPersistentTest : public HeapTest {
 public:
  static bool Cleared(const WeakPersistent<Node>& cell) {
    return NoInline([&] { return cell.Get() == nullptr; });
  }
  static int ValueOf(const WeakPersistent<Node>& cell) {
    return NoInline([&] { return cell.Get()->value; });
  }
  // A cell whose target nothing else refers to.
  static WeakPersistent<Node> Doomed(int value) {
    return NoInline([&] { return WeakPersistent<Node>(Make<Node>(value)); });
  }
};

TEST_F(WeakPersistentTest, ReadsItsTargetUntilItDies) {
  Persistent<Node> target(Make<Node>(5));
  const WeakPersistent<Node> weak = target.get();
  CollectPrecisely();
  EXPECT_EQ(ValueOf(weak), 5);
  target = nullptr;
  CollectPrecisely();
  EXPECT_TRUE(Cleared(weak));
}

TEST_F(WeakPersistentTest, IsNullByDefaultAndByAssignment) {
  WeakPersistent<Node> weak;
  EXPECT_EQ(weak.Get(), nullptr);
  const Persistent<Node> target(Make<Node>());
  weak = target.get();
  EXPECT_EQ(weak.Get(), target.get());
  weak = nullptr;
  EXPECT_EQ(weak.Get(), nullptr);
  EXPECT_EQ(WeakPersistent<Node>(nullptr).Get(), nullptr);
}

// Most reads do not look where the collector clears.
TEST_F(WeakPersistentTest, WhatWasReadOftenDiesAsSoon) {
  Persistent<Node> target(Make<Node>(5));
  const WeakPersistent<Node> weak = target.get();
  for (int cycle = 0; cycle < 3; cycle++) {
    EXPECT_EQ(ValueOf(weak), 5);
    EXPECT_EQ(ValueOf(weak), 5);
    CollectPrecisely();
  }
  EXPECT_EQ(ValueOf(weak), 5);
  target = nullptr;
  CollectPrecisely();
  EXPECT_TRUE(Cleared(weak));
  EXPECT_TRUE(Cleared(weak));
}

TEST_F(WeakPersistentTest, GetKeepsTheTargetOnlyOnTheStack) {
  const WeakPersistent<Node> weak = Doomed(5);
  EXPECT_EQ(ValueOf(weak), 5);
  heap().Collect(StackState::kNoPointers);
  EXPECT_TRUE(Cleared(weak));
}

TEST_F(WeakPersistentTest, CopiesAndMovesHoldWeakly) {
  Persistent<Node> target(Make<Node>(1));
  WeakPersistent<Node> first = target.get();
  WeakPersistent<Node> copy = first;
  WeakPersistent<Node> assigned;
  assigned = first;
  EXPECT_EQ(ValueOf(first), 1);
  const WeakPersistent<Node>& moved_from = first;
  WeakPersistent<Node> moved = std::move(first);
  EXPECT_EQ(moved_from.Get(), nullptr);
  EXPECT_EQ(ValueOf(copy), 1);
  EXPECT_EQ(ValueOf(assigned), 1);
  EXPECT_EQ(ValueOf(moved), 1);
  target = nullptr;
  CollectPrecisely();
  EXPECT_TRUE(Cleared(copy));
  EXPECT_TRUE(Cleared(assigned));
  EXPECT_TRUE(Cleared(moved));
}

TEST_F(WeakPersistentTest, CopyOfAClearedOneIsCleared) {
  const WeakPersistent<Node> weak = Doomed(1);
  CollectPrecisely();
  const WeakPersistent<Node> copy = weak;
  EXPECT_EQ(copy.Get(), nullptr);
}

TEST_F(WeakPersistentTest, MayBeGivenAnotherTarget) {
  WeakPersistent<Node> weak = Doomed(1);
  CollectPrecisely();
  const Persistent<Node> target(Make<Node>(2));
  weak = target.get();
  CollectPrecisely();
  EXPECT_EQ(ValueOf(weak), 2);
}

TEST_F(WeakPersistentTest, LivesInStandardContainers) {
  constexpr int kCells = 300;
  std::vector<WeakPersistent<Node>> cells;
  std::vector<Persistent<Node>> held;
  NoInline([&] {
    for (int i = 0; i < kCells; i++) {
      auto* const node = Make<Node>(i);
      cells.push_back(node);
      if (i % 5 == 0) held.push_back(node);
    }
  });
  CollectPrecisely();
  for (int i = 0; i < kCells; i++) {
    ASSERT_EQ(Cleared(cells[i]), i % 5 != 0) << i;
    if (i % 5 == 0) {
      ASSERT_EQ(ValueOf(cells[i]), i);
    }
  }
  cells.erase(cells.begin(), cells.begin() + kCells / 2);
  held.clear();
  CollectPrecisely();
  for (const auto& cell : cells) {
    EXPECT_TRUE(Cleared(cell));
  }
}

TEST_F(WeakPersistentTest, SecondBaseNamesTheWholeObject) {
  Persistent<Both> both(Make<Both>());
  const WeakPersistent<Second> weak = both.get();
  CollectPrecisely();
  EXPECT_EQ(NoInline([&] { return weak.Get()->second; }), 2);
  both = nullptr;
  CollectPrecisely();
  EXPECT_TRUE(NoInline([&] { return weak.Get() == nullptr; }));
}

TEST_F(WeakPersistentTest, MayBeMovedAndDestroyedOnAThreadThatIsNotAttached) {
  const Persistent<Node> target(Make<Node>(1));
  WeakPersistent<Node> weak = target.get();
  {
    BlockingRegion region(mutator());
    std::thread([weak = std::move(weak)]() mutable {
      WeakPersistent<Node> here = std::move(weak);
      here = nullptr;
    }).join();
  }
  CollectPrecisely();
  EXPECT_EQ(target->value, 1);
}

TEST_F(WeakPersistentTest, IsReadOnAnotherMutatorsThread) {
  const Persistent<Node> target(Make<Node>(8));
  const WeakPersistent<Node> weak = target.get();
  int seen = 0;
  {
    BlockingRegion region(mutator());
    std::thread([&] {
      Mutator other(heap());
      if (Node* node = weak.Get()) seen = node->value;
    }).join();
  }
  EXPECT_EQ(seen, 8);
}

// Under ThreadSanitizer: a read changes a handle that others read.
TEST_F(WeakPersistentTest, IsReadOnSeveralThreadsAtOnceWhileCyclesRun) {
  const Persistent<Node> target(Make<Node>(8));
  const WeakPersistent<Node> held = target.get();
  const WeakPersistent<Node> doomed = Doomed(9);
  std::atomic<int> wrong{0};
  {
    BlockingRegion region(mutator());
    std::atomic<int> attached{0};
    std::atomic<bool> done{false};
    std::vector<std::jthread> readers;
    for (int i = 0; i < 3; i++) {
      readers.emplace_back([&] {
        Mutator other(heap());
        attached++;
        bool gone = false;
        while (!done) {
          if (ValueOf(held) != 8) wrong++;
          if (Cleared(doomed))
            gone = true;
          else if (gone)
            wrong++;
          other.EndTurn(StackState::kNoPointers);
        }
      });
    }
    while (attached < 3) std::this_thread::yield();
    for (int i = 0; i < 5; i++) heap().Collect();
    done = true;
  }
  EXPECT_EQ(wrong, 0);
  CollectPrecisely();
  EXPECT_TRUE(Cleared(doomed));
}

TEST_F(WeakPersistentTest, ReadsNullAfterItsHeapsEndAndTakesAnObjectOfAnotherHeap) {
  Detach();
  WeakPersistent<Node> weak;
  {
    Heap short_lived(TestOptions());
    {
      Mutator other(short_lived);
      weak = other.Make<Node>(1);
      EXPECT_NE(weak.Get(), nullptr);
    }
  }
  EXPECT_EQ(weak.Get(), nullptr);
  Mutator again(heap());
  EXPECT_EQ(weak.Get(), nullptr);
  const Persistent<Node> target(Make<Node>(2));
  weak = target.get();
  EXPECT_EQ(weak.Get(), target.get());
}

}  // namespace
}  // namespace elegy::test
