// Persistent and WeakPersistent: plain values, on any thread, beyond the end of their heap.

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

struct Node {
  std::int64_t value = 0;
  Member<Node> next;
  Member<Counted> held;
};

class Base {
 public:
  virtual ~Base() = default;
  virtual void Trace(Visitor&) const {}
  int base = 1;
};
class OtherBase {
 public:
  virtual ~OtherBase() = default;
  int other = 2;
};
class Derived final : public Base, public OtherBase {
 public:
  int own = 3;
};

// Nothing lives for a word that is left on a stack.
class MemoryPersistentTest : public HeapTest {
 protected:
  MemoryPersistentTest() : HeapTest({.conservative_stacks = false}) {}

  static Persistent<Node> MakeNode(std::int64_t value) {
    return NoInline([&] { return Persistent<Node>(Make<Node>(value)); });
  }
  // Whether the target lives with nothing but handles to keep it.
  bool Survives(const WeakPersistent<Node>& weak) {
    CollectPrecisely();
    return weak.Get() != nullptr;
  }
  // Runs f on a thread that is not attached, and waits for it.
  template <class F>
  void Unattached(F&& f) {
    const BlockingRegion region(mutator());
    std::thread(std::forward<F>(f)).join();
  }
};

TEST_F(MemoryPersistentTest, KeepsItsTargetUntilItIsAssignedOrDestroyed) {
  std::optional<Persistent<Node>> root = MakeNode(1);
  WeakPersistent<Node> weak = root->get();
  EXPECT_TRUE(Survives(weak));
  EXPECT_EQ((*root)->value, 1);
  EXPECT_EQ((**root).value, 1);
  *root = MakeNode(2);
  EXPECT_FALSE(Survives(weak));
  weak = root->get();
  EXPECT_TRUE(Survives(weak));
  root.reset();
  EXPECT_FALSE(Survives(weak));
}

TEST_F(MemoryPersistentTest, NullIsAValue) {
  Persistent<Node> root;
  EXPECT_EQ(root, nullptr);
  EXPECT_EQ(root.get(), nullptr);
  root = nullptr;
  Persistent<Node> copy = root;
  copy = std::move(root);
  EXPECT_EQ(copy, Persistent<Node>(nullptr));
  WeakPersistent<Node> weak = nullptr;
  EXPECT_EQ(weak.Get(), nullptr);
  weak = copy.get();
  EXPECT_EQ(weak.Get(), nullptr);
}

TEST_F(MemoryPersistentTest, CopiesKeepTheTargetEachByItself) {
  Persistent<Node> first = MakeNode(1);
  const WeakPersistent<Node> weak = first.get();
  Persistent<Node> second = first;
  EXPECT_EQ(first, second);
  first = nullptr;
  EXPECT_TRUE(Survives(weak));
  first = second;
  second = nullptr;
  EXPECT_TRUE(Survives(weak));
  first = nullptr;
  EXPECT_FALSE(Survives(weak));
}

TEST_F(MemoryPersistentTest, MovingLeavesTheSourceNull) {
  Persistent<Node> first = MakeNode(1);
  WeakPersistent<Node> weak = first.get();
  Persistent<Node> second = std::move(first);
  EXPECT_EQ(first, nullptr);
  EXPECT_EQ(second->value, 1);
  EXPECT_TRUE(Survives(weak));
  first = MakeNode(2);
  second = std::move(first);  // lets go of what it had
  EXPECT_EQ(first, nullptr);
  EXPECT_EQ(second->value, 2);
  EXPECT_FALSE(Survives(weak));
}

TEST_F(MemoryPersistentTest, AssigningItselfChangesNothing) {
  Persistent<Node> root = MakeNode(1);
  WeakPersistent<Node> weak = root.get();
  Persistent<Node>& same = root;
  root = same;
  root = std::move(same);
  root = root.get();
  EXPECT_TRUE(Survives(weak));
  EXPECT_EQ(root->value, 1);
  WeakPersistent<Node>& same_weak = weak;
  weak = same_weak;
  weak = std::move(same_weak);
  EXPECT_EQ(weak.Get(), root.get());
}

TEST_F(MemoryPersistentTest, SwapAndSortWork) {
  std::vector<Persistent<Node>> roots;
  for (int i = 0; i < 1000; i++) roots.push_back(MakeNode((i * 7919) % 1000));
  std::sort(roots.begin(), roots.end(),
            [](const auto& a, const auto& b) { return a->value < b->value; });
  CollectPrecisely();
  for (int i = 0; i < 1000; i++) {
    ASSERT_EQ(roots[static_cast<std::size_t>(i)]->value, i);
  }
}

TEST_F(MemoryPersistentTest, ConvertsToItsTargetsBases) {
  const Persistent<Derived> derived = NoInline([] { return Persistent(Make<Derived>()); });
  Persistent<Base> base = derived;
  Persistent<OtherBase> other = derived;
  Persistent<OtherBase> assigned;
  assigned = derived;
  Derived* const raw = derived;
  EXPECT_EQ(static_cast<Derived*>(other.get()), raw);
  EXPECT_EQ(assigned->other + base->base, 3);
  other = nullptr;
  CollectPrecisely();
  EXPECT_EQ(derived->own, 3);
}

TEST_F(MemoryPersistentTest, ThousandsOfRootsComeAndGo) {
  std::vector<Persistent<Node>> roots;
  std::vector<WeakPersistent<Node>> weak;
  for (int i = 0; i < 10'000; i++) {
    roots.push_back(MakeNode(i));
    weak.emplace_back(roots.back().get());
  }
  for (std::size_t i = 0; i < roots.size(); i++) {
    if (i % 3 != 0) roots[i] = nullptr;
  }
  CollectPrecisely();
  for (std::size_t i = 0; i < roots.size(); i++) {
    ASSERT_EQ(weak[i].Get() != nullptr, i % 3 == 0);
    if (roots[i] == nullptr) continue;
    ASSERT_EQ(roots[i]->value, static_cast<std::int64_t>(i));
  }
  roots.clear();
  CollectPrecisely();
  EXPECT_EQ(heap().Stats().live_bytes, 0u);
}

std::size_t BytesFromMalloc() {
  const struct mallinfo2 figures = mallinfo2();
  return figures.uordblks + figures.hblkhd;
}

// What a peak of handles has taken goes back, and the rest can be used.
TEST_F(MemoryPersistentTest, HandlesGiveTheirMemoryBack) {
  constexpr std::size_t kHandles = 1'000'000;
  constexpr std::size_t kLeastBytes = kHandles * 16;
  const Persistent<Node> node = MakeNode(1);
  std::vector<Persistent<Node>> few(1000);
  std::vector<Persistent<Node>> many(kHandles);
  const std::size_t before = BytesFromMalloc();
  for (std::size_t i = 0; i < kHandles; i++) {
    many[i] = node.get();
    if (i % 1000 == 0) few[i / 1000] = node.get();
  }
  if (BytesFromMalloc() < before + kLeastBytes) GTEST_SKIP() << "malloc does not count here";
  for (Persistent<Node>& each : many) each = nullptr;
  heap().Collect();
  heap().Collect();
  // A fourth of the chunks that are in use, each of which holds one of the few, may be left.
  EXPECT_LT(BytesFromMalloc(), before + 2 * kLeastBytes);
  few.clear();
  heap().Collect();
  EXPECT_LT(BytesFromMalloc(), before + kLeastBytes / 16);
  for (Persistent<Node>& each : many) each = node.get();
  heap().Collect();
  for (const Persistent<Node>& each : many) ASSERT_EQ(each->value, 1);
}

TEST_F(MemoryPersistentTest, AThreadThatIsNotAttachedMayCopyMoveAndDestroy) {
  Persistent<Node> root = MakeNode(1);
  WeakPersistent<Node> weak = root.get();
  std::vector<Persistent<Node>> copies;
  Unattached([&] {
    for (int i = 0; i < 10; i++) copies.push_back(root);
    Persistent<Node> moved = std::move(root);
    EXPECT_EQ(moved, copies[0]);
    EXPECT_EQ(moved.get(), copies[9].get());
  });
  EXPECT_EQ(root, nullptr);
  EXPECT_TRUE(Survives(weak));
  Unattached([&] {
    copies.resize(1);
    copies[0] = copies[0].get();
  });
  EXPECT_TRUE(Survives(weak));
  Unattached([&] { copies.clear(); });
  EXPECT_FALSE(Survives(weak));
  Unattached([weak = std::move(weak)]() mutable {
    WeakPersistent<Node> moved = std::move(weak);
    moved = nullptr;
  });
}

// A thread that is not attached moves the only root of an object while the marker reads roots.
TEST_F(MemoryPersistentTest, AThreadThatIsNotAttachedMayMoveTargetsInEveryStep) {
  for (const CycleStep step :
       {CycleStep::kBarrierOn, CycleStep::kStacksScanned, CycleStep::kMarked, CycleStep::kFlipped,
        CycleStep::kCellsCleared, CycleStep::kRecordsQueued, CycleStep::kSwept}) {
    std::vector<Persistent<Node>> roots;
    for (int i = 0; i < 600; i++) roots.push_back(MakeNode(i));
    std::vector<Persistent<Node>> others(600);
    std::optional<Persistent<Node>> copy;
    {
      CycleStepper stepper(heap());
      stepper.AdvanceTo(step);
      Unattached([&] {
        for (std::size_t i = 0; i < 600; i++) {
          others[599 - i] = roots[i].get();
          roots[i] = nullptr;
        }
        copy = others[0];
        others[0] = nullptr;
      });
      stepper.FinishCycle();
    }
    CollectPrecisely();
    for (std::size_t i = 1; i < 600; i++) {
      ASSERT_EQ(others[i]->value, static_cast<std::int64_t>(599 - i)) << static_cast<int>(step);
    }
    EXPECT_EQ((*copy)->value, 599);
  }
}

// What this thread has taken out of a handle after its scan, and only then, is held by nothing but
// its stack.
TEST_F(MemoryPersistentTest, WhatAHandleLetsGoWhileMarkingLives) {
  const Persistent<Node> other = MakeNode(2);
  const auto let_go = [&](Persistent<Node>& root, const std::function<void()>& change) {
    WeakPersistent<Node> weak;
    Census census;
    NoInline([&] {
      weak = root.get();
      root->held = Make<Counted>(3, census);
    });
    ScrubStack();
    CycleStepper stepper(heap());
    stepper.AdvanceTo(CycleStep::kStacksScanned);
    const Node* const held = root.get();
    change();
    stepper.FinishCycle();
    EXPECT_EQ(weak.Get(), held);
    EXPECT_EQ(held->held->id(), 3u);
  };
  Persistent<Node> nulled = MakeNode(1);
  let_go(nulled, [&] { nulled = nullptr; });
  Persistent<Node> assigned = MakeNode(1);
  let_go(assigned, [&] { assigned = other; });
  std::optional<Persistent<Node>> destroyed = MakeNode(1);
  let_go(*destroyed, [&] { destroyed.reset(); });

  nulled = MakeNode(1);
  let_go(nulled, [&] { Unattached([&] { nulled = nullptr; }); });
  assigned = MakeNode(1);
  let_go(assigned, [&] { Unattached([&] { assigned = other; }); });
  destroyed = MakeNode(1);
  let_go(*destroyed, [&] { Unattached([&] { destroyed.reset(); }); });
}

TEST_F(MemoryPersistentTest, HandlesReadNullAfterTheirHeapsEnd) {
  std::vector<Persistent<Node>> roots;
  std::vector<WeakPersistent<Node>> weak;
  Persistent<Node> mixed = MakeNode(9);
  Detach();
  {
    Heap other(TestOptions());
    const Mutator mutator(other);
    for (int i = 0; i < 1000; i++) {
      roots.push_back(MakeNode(i));
      weak.emplace_back(roots.back().get());
    }
    mixed = roots[5];  // from this test's heap to the other
    EXPECT_EQ(mixed->value, 5);
  }
  for (const Persistent<Node>& each : roots) {
    ASSERT_EQ(each, nullptr);
  }
  for (const WeakPersistent<Node>& each : weak) {
    ASSERT_EQ(each.Get(), nullptr);
  }
  EXPECT_EQ(mixed, nullptr);
  Persistent<Node> copy = roots[0];
  Persistent<Node> moved = std::move(roots[1]);
  EXPECT_EQ(copy, moved);

  const Mutator mutator(heap());
  roots[2] = MakeNode(2);
  weak[2] = roots[2].get();
  mixed = MakeNode(3);
  heap().Collect(StackState::kNoPointers);
  EXPECT_EQ(roots[2]->value, 2);
  EXPECT_EQ(weak[2].Get(), roots[2].get());
  EXPECT_EQ(mixed->value, 3);
}

// As globals do, after everything else.
TEST_F(MemoryPersistentTest, HandlesMayBeDestroyedLongAfterTheirHeap) {
  auto roots = std::make_unique<std::vector<Persistent<Node>>>();
  auto weak = std::make_unique<WeakPersistent<Node>>();
  Detach();
  for (int round = 0; round < 3; round++) {
    Heap other(TestOptions());
    const Mutator mutator(other);
    for (int i = 0; i < 500; i++) roots->push_back(MakeNode(i));
    *weak = roots->back().get();
  }
  std::thread([&] {
    EXPECT_EQ(roots->back(), nullptr);
    roots.reset();
    EXPECT_EQ(weak->Get(), nullptr);
    weak.reset();
  }).join();
}

TEST_F(MemoryPersistentTest, WeakHandlesFollowTheirTarget) {
  Persistent<Node> root = MakeNode(4);
  WeakPersistent<Node> weak = root.get();
  WeakPersistent<Node> copy = weak;
  WeakPersistent<Node> moved = std::move(weak);
  EXPECT_TRUE(Survives(moved));
  EXPECT_EQ(copy.Get(), root.get());
  EXPECT_EQ(moved.Get()->value, 4);
  weak = copy;
  EXPECT_EQ(weak.Get(), root.get());
  root = nullptr;
  EXPECT_FALSE(Survives(copy));
  EXPECT_EQ(moved.Get(), nullptr);
  root = MakeNode(5);
  weak = root.get();
  moved = std::move(weak);
  EXPECT_EQ(moved.Get()->value, 5);
}

// What Get returns is kept by the stack alone, not for the turn.
TEST_F(MemoryPersistentTest, AWeakHandlesGetDoesNotKeepForTheTurn) {
  const WeakPersistent<Node> weak = MakeNode(6).get();
  EXPECT_TRUE(NoInline([&] { return weak.Get() != nullptr; }));
  heap().Collect(StackState::kNoPointers);
  EXPECT_EQ(weak.Get(), nullptr);
}

}  // namespace
}  // namespace elegy::test
