// Weak cells and roots of all kinds: what clears them, and what keeps their targets.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/conformance/fixture.h"
#include "tests/support/actor.h"

namespace elegy::test {
namespace {

struct Holder {
  WeakMember<Node> weak;
  Member<Node> strong;
};

class HandlesConformance : public ConformanceTest {};

TEST_F(HandlesConformance, H8_ACellIsClearedExactlyIfNoRootReachesTheTarget) {
  const Persistent by_root(Make<Holder>());
  const Persistent by_member(Make<Holder>());
  const Persistent unreached(Make<Holder>());
  const auto root = NewNode();
  by_root->weak = root;
  by_member->strong = Make<Node>();
  by_member->weak = by_member->strong;
  unreached->weak = Make<Node>();
  const WeakPersistent<Node> to_root = root.get();
  const WeakPersistent<Node> to_member = by_member->strong.get();
  const WeakPersistent<Node> to_unreached = unreached->weak.Get();
  CollectPrecisely();
  EXPECT_EQ(by_root->weak.Get(), root.get());
  EXPECT_EQ(by_member->weak.Get(), by_member->strong.get());
  EXPECT_EQ(unreached->weak.Get(), nullptr);
  EXPECT_EQ(to_root.Get(), root.get());
  EXPECT_EQ(to_member.Get(), by_member->strong.get());
  EXPECT_EQ(to_unreached.Get(), nullptr);

  Node* const on_stack = Make<Node>(7);
  unreached->weak = on_stack;
  heap().Collect(StackState::kMayHoldPointers);
  EXPECT_EQ(unreached->weak.Get(), on_stack);
  EXPECT_EQ(on_stack->value, 7);
  KeepAlive(on_stack);
}

struct Deep {
  Member<Deep> child;
  WeakMember<Deep> weak_child;
};

TEST_F(HandlesConformance, H9_AWeakPathBesideAStrongOneIsKept) {
  constexpr int kDepth = 1000;
  const Persistent top(Make<Deep>());
  Persistent<Deep> last(top);
  for (int i = 0; i < kDepth; i++) {
    last->child = Make<Deep>();
    last->weak_child = last->child;
    last = last->child;
  }
  last = nullptr;
  CollectPrecisely();
  const Deep* node = top;
  for (int i = 0; i < kDepth; i++) {
    ASSERT_NE(node->child, nullptr);
    ASSERT_EQ(node->weak_child.Get(), node->child.get());
    node = node->child;
  }
  top->child = nullptr;
  CollectPrecisely();
  EXPECT_EQ(top->weak_child.Get(), nullptr);
}

struct CollectsWhileBuilt {
  explicit CollectsWhileBuilt(Heap& heap) : slot(Make<Node>(5)) {
    heap.Collect(StackState::kNoPointers);
    heap.Collect(StackState::kMayHoldPointers);
    later = Make<Node>(6);
    heap.Collect(StackState::kNoPointers);
  }
  void Trace(Visitor& visitor) const {
    visitor.Trace(slot);
    visitor.Trace(later);
  }

  Member<Node> slot;
  Member<Node> later;
};

TEST_F(HandlesConformance, H11_ObjectsUnderConstructionAndOnTheStackAreAlive) {
  const CollectsWhileBuilt* const built = Make<CollectsWhileBuilt>(heap());
  EXPECT_EQ(built->slot->value, 5);
  EXPECT_EQ(built->later->value, 6);
  heap().Collect(StackState::kMayHoldPointers);
  EXPECT_EQ(built->slot->value, 5);
  KeepAlive(built);
}

TEST_F(HandlesConformance, H19_HandlesAreCopiedMovedAndOutliveTheirHeap) {
  auto first = NewNode(1);
  Persistent<Node> copy = first;
  Persistent<Node> moved = std::move(first);
  EXPECT_EQ(first, nullptr);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(copy, moved);
  WeakPersistent<Node> weak = copy.get();
  WeakPersistent<Node> weak_copy = weak;
  WeakPersistent<Node> weak_moved = std::move(weak);
  EXPECT_EQ(weak.Get(), nullptr);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(weak_copy.Get(), copy.get());
  moved = nullptr;
  CollectPrecisely();
  EXPECT_EQ(weak_moved.Get(), copy.get());
  copy = Make<Node>(2);
  CollectPrecisely();
  EXPECT_EQ(weak_copy.Get(), nullptr);
  EXPECT_EQ(weak_moved.Get(), nullptr);
  EXPECT_EQ(copy->value, 2);

  Detach();
  auto other = std::make_unique<Heap>(TestOptions());
  Persistent<Node> outlives;
  WeakPersistent<Node> weakly;
  {
    const Mutator attached(*other);
    outlives = Make<Node>(3);
    weakly = outlives.get();
  }
  other.reset();
  EXPECT_EQ(outlives, nullptr);
  const Mutator attached(heap());
  EXPECT_EQ(weakly.Get(), nullptr);
  outlives = Make<Node>(4);
  weakly = outlives.get();
  EXPECT_EQ(weakly.Get()->value, 4);
}

TEST_F(HandlesConformance, H20_HandlesWorkOnOtherThreads) {
  auto strong = NewNode(1);
  WeakPersistent<Node> weak = strong.get();
  Actor actor(heap());
  std::optional<Persistent<Node>> carried;
  std::optional<WeakPersistent<Node>> carried_weak;
  actor.Do([&] {
    carried = std::move(strong);
    carried_weak = std::move(weak);
  });
  Collect();
  actor.Do([&] { EXPECT_EQ(carried_weak->Get(), carried->get()); });
  // Destroyed on a thread that is not attached, while cycles run.
  {
    BlockingRegion region(mutator());
    std::atomic<bool> done = false;
    const std::uint64_t until = heap().Stats().cycles + 2;
    std::thread destroyer([&] {
      do {
        std::vector<Persistent<Node>> copies(1000, *carried);
        while (!copies.empty()) copies.pop_back();
      } while (heap().Stats().cycles < until);
      carried.reset();
      done = true;
    });
    while (!done) heap().Collect();
    destroyer.join();
  }
  Collect();
  actor.Do([&] { EXPECT_EQ(carried_weak->Get(), nullptr); });
}

TEST_F(HandlesConformance, H23_OldWeakCellsAreStillClearedInTheCycleOfTheDeath) {
  auto target = NewNode();
  const Persistent ref(Make<WeakRef<Node>>(target));
  const Persistent holder(Make<Holder>());
  holder->weak = target;
  const WeakPersistent<Node> weak = target.get();
  for (int i = 0; i < 10; i++) CollectPrecisely();
  EXPECT_FALSE(ref->IsCleared());
  target = nullptr;
  CollectPrecisely();
  EXPECT_TRUE(ref->IsCleared());
  EXPECT_EQ(holder->weak.Get(), nullptr);
  EXPECT_EQ(weak.Get(), nullptr);
  EXPECT_EQ(heap().Stats().cells_cleared, 3u);
}

struct ConstHolder {
  WeakMember<const Node> weak;
};

TEST_F(HandlesConformance, H25_AnEmptyCellIsNotClearedAndConstTargetsAreHeldAlike) {
  const Persistent holder(Make<Holder>());
  const Persistent empty(Make<WeakRef<Node>>(nullptr));
  Persistent<const Node> target(Make<Node>(3));
  const Persistent const_holder(Make<ConstHolder>());
  const_holder->weak = target;
  const Persistent ref(Make<WeakRef<const Node>>(target));
  for (int i = 0; i < 3; i++) CollectPrecisely();
  EXPECT_EQ(heap().Stats().cells_cleared, 0u);
  EXPECT_EQ(const_holder->weak.Get(), target.get());
  EXPECT_EQ(ref->Deref()->value, 3);
  EndTurn();
  target = nullptr;
  Collect();
  EXPECT_EQ(const_holder->weak.Get(), nullptr);
  EXPECT_TRUE(ref->IsCleared());
  EXPECT_EQ(heap().Stats().cells_cleared, 2u);
}

TEST_F(HandlesConformance, I12_ACycleOfOneHeapClearsNothingOfAnother) {
  Heap other(TestOptions());
  Actor actor(other);
  Persistent<WeakRef<Node>> theirs;
  actor.Do([&] { theirs = Make<WeakRef<Node>>(Make<Node>(2)); });
  const Persistent ours(Make<WeakRef<Node>>(Make<Node>(1)));
  CollectPrecisely();
  EXPECT_TRUE(ours->IsCleared());
  actor.Do([&] {
    ASSERT_FALSE(theirs->IsCleared());
    EXPECT_EQ(theirs->Deref()->value, 2);
  });
  EXPECT_EQ(other.Stats().cycles, 0u);
  EXPECT_EQ(other.Stats().cells_cleared, 0u);
  other.Collect();
  actor.Do([&] { EXPECT_TRUE(theirs->IsCleared()); });
}

TEST_F(HandlesConformance, I15_AWeakRefOutlivesTheThreadThatMadeIt) {
  Persistent<WeakRef<Node>> to_living, to_dead;
  auto living = NewNode(1);
  {
    Actor actor(heap());
    actor.Do([&] {
      to_living = Make<WeakRef<Node>>(living);
      to_dead = Make<WeakRef<Node>>(Make<Node>(2));
    });
  }
  CollectPrecisely();
  EXPECT_EQ(to_living->Deref(), living.get());
  EXPECT_EQ(to_dead->Deref(), nullptr);
  living = nullptr;
  CollectPrecisely();
  EXPECT_EQ(to_living->Deref(), nullptr);
}

// ---- destructors ----

std::vector<int> g_destroyed;

struct Base {
  virtual ~Base() { g_destroyed.push_back(1); }
  void Trace(Visitor&) const {}
};
struct Derived final : Base {
  ~Derived() override { g_destroyed.push_back(2); }
};

TEST_F(HandlesConformance, H15_TheDerivedPartIsDestroyedBeforeItsBase) {
  g_destroyed.clear();
  Persistent<Base> object(Make<Derived>());
  const Persistent<Base> living(Make<Derived>());
  for (int i = 0; i < 2; i++) CollectPrecisely();
  EXPECT_TRUE(g_destroyed.empty());
  object = nullptr;
  for (int i = 0; i < 3; i++) CollectPrecisely();
  EXPECT_EQ(g_destroyed, (std::vector{2, 1}));
}

}  // namespace
}  // namespace elegy::test
