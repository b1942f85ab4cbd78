// WeakRef outside a cycle: what keeps a target, when it is cleared, and what may be a target.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

class Node {
 public:
  explicit Node(int value = 0, std::atomic<int>* deaths = nullptr)
      : value_(value), deaths_(deaths) {}
  ~Node() {
    if (deaths_ != nullptr) deaths_->fetch_add(1);
  }
  void Trace(Visitor& visitor) const { visitor.Trace(next); }

  int value() const { return value_; }

  Member<Node> next;

 private:
  const int value_;
  std::atomic<int>* const deaths_;
};

class Leaf {
 public:
  explicit Leaf(std::uint64_t word) { words_.fill(word); }
  std::uint64_t word() const { return words_.back(); }

 private:
  std::array<std::uint64_t, 4> words_;
};

class Shape {
 public:
  virtual ~Shape() = default;
  virtual void Trace(Visitor& visitor) const { visitor.Trace(parent); }
  Member<Shape> parent;
};

class Named {
 public:
  virtual ~Named() = default;
  std::string name = "square";
};

class Square final : public Shape, public Named {};

}  // namespace
}  // namespace elegy::test

template <>
inline constexpr bool elegy::kHasNoSlots<elegy::test::Leaf> = true;

namespace elegy::test {
namespace {

class WeakRefTest : public HeapTest {
 public:
  // A reference, held by a handle, to a new node that nothing else refers to.
  Persistent<WeakRef<Node>> NewRef(int value = 0) {
    return NoInline([&] { return Persistent(Make<WeakRef<Node>>(Make<Node>(value, &deaths_))); });
  }
  int deaths() const { return deaths_.load(); }

  // Collects, with nothing on the stack, but does not end the turn.
  void CollectInTurn() { heap().Collect(StackState::kNoPointers); }

 private:
  std::atomic<int> deaths_{0};
};

TEST_F(WeakRefTest, CreationKeepsTheTargetForTheTurn) {
  const auto ref = NewRef();
  for (int i = 0; i < 3; i++) {
    CollectInTurn();
    EXPECT_FALSE(ref->IsCleared());
    EXPECT_EQ(deaths(), 0);
  }
  CollectPrecisely();
  EXPECT_TRUE(ref->IsCleared());
  EXPECT_EQ(ref->Deref(), nullptr);
  EXPECT_EQ(deaths(), 1);
}

TEST_F(WeakRefTest, DerefKeepsTheTargetForTheTurn) {
  const auto read = NewRef(1);
  const auto control = NewRef(2);
  mutator().EndTurn(StackState::kNoPointers);
  NoInline([&] { ASSERT_EQ(read->Deref()->value(), 1); });
  CollectInTurn();
  EXPECT_FALSE(read->IsCleared());
  EXPECT_TRUE(control->IsCleared());
  CollectPrecisely();
  EXPECT_TRUE(read->IsCleared());
  EXPECT_EQ(deaths(), 2);
}

TEST_F(WeakRefTest, DerefsOfOneTurnAgree) {
  const auto ref = NewRef(7);
  for (int i = 0; i < 5; i++) {
    const bool same = NoInline([&] { return ref->Deref() == ref->Deref(); });
    EXPECT_TRUE(same);
    CollectInTurn();
    EXPECT_EQ(NoInline([&] { return ref->Deref()->value(); }), 7);
  }
}

TEST_F(WeakRefTest, DerefOfAClearedOneStaysNull) {
  const auto ref = NewRef();
  CollectPrecisely();
  for (int i = 0; i < 3; i++) {
    EXPECT_EQ(ref->Deref(), nullptr);
    CollectPrecisely();
  }
  EXPECT_EQ(deaths(), 1);
}

TEST_F(WeakRefTest, OfNullIsBornCleared) {
  const Persistent<WeakRef<Node>> ref(Make<WeakRef<Node>>(nullptr));
  EXPECT_TRUE(ref->IsCleared());
  EXPECT_EQ(ref->Deref(), nullptr);
  EXPECT_TRUE(ref->RefersTo(nullptr));
  const Persistent<Node> node(Make<Node>());
  EXPECT_FALSE(ref->RefersTo(node));
  CollectPrecisely();
  EXPECT_TRUE(ref->IsCleared());
}

TEST_F(WeakRefTest, RefersToComparesWithTheTarget) {
  const Persistent<Node> node(Make<Node>());
  const Persistent<Node> other(Make<Node>());
  const Persistent<WeakRef<Node>> ref(Make<WeakRef<Node>>(node.get()));
  EXPECT_TRUE(ref->RefersTo(node));
  EXPECT_FALSE(ref->RefersTo(other));
  EXPECT_FALSE(ref->RefersTo(nullptr));
  CollectPrecisely();
  EXPECT_TRUE(ref->RefersTo(node));
}

TEST_F(WeakRefTest, QuestionsKeepNothingAlive) {
  const auto ref = NewRef();
  mutator().EndTurn(StackState::kNoPointers);
  EXPECT_FALSE(ref->IsCleared());
  EXPECT_FALSE(ref->RefersTo(nullptr));
  CollectInTurn();
  EXPECT_TRUE(ref->IsCleared());
  EXPECT_TRUE(ref->RefersTo(nullptr));
  EXPECT_EQ(deaths(), 1);
}

TEST_F(WeakRefTest, TwoOfOneTargetAreDistinctAndClearedTogether) {
  Persistent<Node> node(NoInline([] { return Persistent(Make<Node>()); }));
  const Persistent<WeakRef<Node>> first(Make<WeakRef<Node>>(node.get()));
  const Persistent<WeakRef<Node>> second(Make<WeakRef<Node>>(node.get()));
  EXPECT_NE(first.get(), second.get());
  EXPECT_EQ(first->Deref(), second->Deref());
  node = nullptr;
  CollectPrecisely();
  EXPECT_TRUE(first->IsCleared());
  EXPECT_TRUE(second->IsCleared());
}

TEST_F(WeakRefTest, MayReferToAWeakRef) {
  const auto inner = NewRef();
  const Persistent<WeakRef<WeakRef<Node>>> outer(Make<WeakRef<WeakRef<Node>>>(inner.get()));
  CollectPrecisely();
  // The inner one lives, with its target dead.
  EXPECT_EQ(outer->Deref(), inner.get());
  EXPECT_TRUE(inner->IsCleared());
}

TEST_F(WeakRefTest, ToAWeakRefIsClearedWithIt) {
  const Persistent<Node> node(Make<Node>());
  const auto outer = NoInline(
      [&] { return Persistent(Make<WeakRef<WeakRef<Node>>>(Make<WeakRef<Node>>(node.get()))); });
  CollectPrecisely();
  EXPECT_TRUE(outer->IsCleared());
}

TEST_F(WeakRefTest, MayReferToItselfThroughItsTarget) {
  struct Holder {
    Member<WeakRef<Holder>> self;
  };
  const auto watcher = NoInline([] {
    auto* const holder = Make<Holder>();
    holder->self = Make<WeakRef<Holder>>(holder);
    return Persistent(Make<WeakRef<Holder>>(holder));
  });
  EXPECT_FALSE(watcher->IsCleared());
  CollectPrecisely();
  EXPECT_TRUE(watcher->IsCleared());
}

TEST_F(WeakRefTest, LeavesATargetHeldOnAnotherPath) {
  const Persistent<Node> root(Make<Node>(1));
  NoInline([&] {
    root->next = Make<Node>(2);
    root->next->next = Make<Node>(3);
  });
  const Persistent<WeakRef<Node>> ref(Make<WeakRef<Node>>(root->next->next.get()));
  CollectPrecisely();
  EXPECT_EQ(NoInline([&] { return ref->Deref()->value(); }), 3);
  root->next = nullptr;
  CollectPrecisely();
  EXPECT_TRUE(ref->IsCleared());
}

TEST_F(WeakRefTest, CycleReachableOnlyThroughWeakRefsDiesWhole) {
  Persistent<WeakRef<Node>> to_a;
  Persistent<WeakRef<Node>> to_b;
  std::atomic<int> deaths{0};
  NoInline([&] {
    auto* const a = Make<Node>(1, &deaths);
    auto* const b = Make<Node>(2, &deaths);
    a->next = b;
    b->next = a;
    to_a = Make<WeakRef<Node>>(a);
    to_b = Make<WeakRef<Node>>(b);
  });
  CollectPrecisely();
  EXPECT_TRUE(to_a->IsCleared());
  EXPECT_TRUE(to_b->IsCleared());
  EXPECT_EQ(deaths, 2);
}

TEST_F(WeakRefTest, DerefKeepsWhatTheTargetRefersTo) {
  const auto ref = NoInline([] {
    auto* const node = Make<Node>(1);
    node->next = Make<Node>(2);
    return Persistent(Make<WeakRef<Node>>(node));
  });
  CollectInTurn();
  EXPECT_EQ(NoInline([&] { return ref->Deref()->next->value(); }), 2);
}

TEST_F(WeakRefTest, MayDieBeforeItsTarget) {
  const Persistent<Node> node(Make<Node>(5));
  NoInline([&] { Make<WeakRef<Node>>(node.get()); });
  CollectPrecisely();
  EXPECT_EQ(node->value(), 5);
}

TEST_F(WeakRefTest, SecondBaseNamesTheWholeObject) {
  Persistent<Square> square(NoInline([] { return Persistent(Make<Square>()); }));
  Named* const named = square.get();
  ASSERT_NE(static_cast<void*>(named), static_cast<void*>(square.get()));
  const Persistent<WeakRef<Named>> ref(Make<WeakRef<Named>>(square.get()));
  CollectPrecisely();
  EXPECT_EQ(ref->Deref(), named);
  EXPECT_EQ(ref->Deref()->name, "square");
  EXPECT_TRUE(ref->RefersTo(square.get()));
  square = nullptr;
  // Only the interior pointer is on the kept-alive list, and it keeps the object.
  CollectInTurn();
  EXPECT_FALSE(ref->IsCleared());
  CollectPrecisely();
  EXPECT_TRUE(ref->IsCleared());
}

TEST_F(WeakRefTest, LeafDiesAndLives) {
  Persistent<Leaf> held(Make<Leaf>(42));
  const Persistent<WeakRef<Leaf>> to_held(Make<WeakRef<Leaf>>(held.get()));
  const auto to_dropped =
      NoInline([] { return Persistent(Make<WeakRef<Leaf>>(Make<Leaf>(std::uint64_t{7}))); });
  CollectPrecisely();
  EXPECT_EQ(NoInline([&] { return to_held->Deref()->word(); }), 42u);
  EXPECT_TRUE(to_dropped->IsCleared());
  held = nullptr;
  CollectPrecisely();
  EXPECT_TRUE(to_held->IsCleared());
}

TEST_F(WeakRefTest, ArraysSmallAndLargeAreTargets) {
  constexpr std::size_t kLarge = 1 << 18;
  const auto small =
      NoInline([] { return Persistent(Make<WeakRef<Array<double>>>(MakeArray<double>(10))); });
  const auto large =
      NoInline([] { return Persistent(Make<WeakRef<Array<double>>>(MakeArray<double>(kLarge))); });
  CollectInTurn();
  EXPECT_EQ(NoInline([&] { return small->Deref()->size(); }), 10u);
  EXPECT_EQ(NoInline([&] { return large->Deref()->size(); }), kLarge);
  CollectPrecisely();
  EXPECT_TRUE(small->IsCleared());
  EXPECT_TRUE(large->IsCleared());
}

TEST_F(WeakRefTest, ClearedCellsAreCounted) {
  const auto first = NewRef();
  const auto second = NewRef();
  const auto before = heap().Stats().cells_cleared;
  CollectPrecisely();
  EXPECT_EQ(heap().Stats().cells_cleared - before, 2u);
  CollectPrecisely();
  EXPECT_EQ(heap().Stats().cells_cleared - before, 2u);
}

TEST_F(WeakRefTest, MemoryOfTheDeadIsReusedWithoutRevivingRefs) {
  constexpr int kRefs = 200;
  const Persistent<Array<Member<WeakRef<Node>>>> refs(MakeArray<Member<WeakRef<Node>>>(kRefs));
  NoInline([&] {
    for (auto& ref : *refs) ref = Make<WeakRef<Node>>(Make<Node>(1));
  });
  CollectPrecisely();
  const Persistent<Array<Member<Node>>> nodes(MakeArray<Member<Node>>(4 * kRefs));
  for (auto& node : *nodes) node = Make<Node>(2);
  for (const auto& ref : *refs) {
    EXPECT_TRUE(ref->IsCleared());
    EXPECT_EQ(ref->Deref(), nullptr);
  }
  CollectPrecisely();
  for (const auto& ref : *refs) {
    EXPECT_EQ(ref->Deref(), nullptr);
  }
}

}  // namespace
}  // namespace elegy::test
