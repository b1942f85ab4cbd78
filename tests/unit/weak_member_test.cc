// WeakMember, wherever a managed object may have one.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

class Node {
 public:
  explicit Node(int value = 0) : value_(value) {}
  void Trace(Visitor& visitor) const {
    visitor.Trace(next);
    visitor.Trace(weak);
  }
  int value() const { return value_; }

  Member<Node> next;
  WeakMember<Node> weak;

 private:
  const int value_;
};

// A weak cell in every kind of field.
class Fields {
 public:
  Fields() : optional(std::in_place) {}
  void Trace(Visitor& visitor) const {
    visitor.Trace(plain);
    visitor.Trace(optional);
    visitor.Trace(pair);
    visitor.Trace(array);
    visitor.Trace(tuple);
    visitor.Trace(vector);
    visitor.Trace(nested);
  }

  struct Nested {
    int before = 1;
    WeakMember<Node> weak;
    Member<Node> strong;
  };

  WeakMember<Node> plain;
  std::optional<WeakMember<Node>> optional;
  std::pair<Member<Node>, WeakMember<Node>> pair;
  std::array<WeakMember<Node>, 3> array;
  std::tuple<int, WeakMember<Node>> tuple;
  Vector<WeakMember<Node>> vector;
  Nested nested;
};

// An aggregate, traced without a word.
struct Aggregate {
  int number = 0;
  WeakMember<Node> weak;
  Member<Node> strong;
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

class WeakMemberTest : public HeapTest {
 public:
  void CollectInTurn() { heap().Collect(StackState::kNoPointers); }
  // Whether the cell reads null, with nothing left on the stack.
  static bool Cleared(const WeakMember<Node>& cell) {
    return NoInline([&] { return cell.Get() == nullptr; });
  }
  // What the living target of a cell holds.
  static int ValueOf(const WeakMember<Node>& cell) {
    return NoInline([&] { return cell.Get()->value(); });
  }
};

TEST_F(WeakMemberTest, ReadsItsTargetUntilItDies) {
  const Persistent<Node> holder(Make<Node>());
  Persistent<Node> target(Make<Node>(5));
  holder->weak = target.get();
  CollectPrecisely();
  EXPECT_EQ(ValueOf(holder->weak), 5);
  target = nullptr;
  CollectPrecisely();
  EXPECT_TRUE(Cleared(holder->weak));
}

TEST_F(WeakMemberTest, IsNullByDefaultAndByAssignment) {
  const Persistent<Node> holder(Make<Node>());
  const Persistent<Node> target(Make<Node>());
  EXPECT_EQ(holder->weak.Get(), nullptr);
  holder->weak = target.get();
  EXPECT_EQ(holder->weak.Get(), target.get());
  holder->weak = nullptr;
  EXPECT_EQ(holder->weak.Get(), nullptr);
  CollectPrecisely();
  EXPECT_EQ(holder->weak.Get(), nullptr);
}

TEST_F(WeakMemberTest, GetKeepsTheTargetOnlyOnTheStack) {
  const Persistent<Node> holder(Make<Node>());
  NoInline([&] { holder->weak = Make<Node>(5); });
  EXPECT_EQ(ValueOf(holder->weak), 5);
  // The turn has not ended.
  CollectInTurn();
  EXPECT_TRUE(Cleared(holder->weak));
}

TEST_F(WeakMemberTest, GetKeepsTheTargetOnTheStack) {
  const Persistent<Node> holder(Make<Node>());
  NoInline([&] { holder->weak = Make<Node>(5); });
  Node* const target = holder->weak.Get();
  heap().Collect();
  EXPECT_EQ(holder->weak.Get(), target);
  KeepAlive(target);
}

TEST_F(WeakMemberTest, CopyOfACellHoldsWeaklyToo) {
  const Persistent<Node> from(Make<Node>());
  const Persistent<Node> to(Make<Node>());
  Persistent<Node> target(Make<Node>(5));
  from->weak = target.get();
  NoInline([&] { to->weak = from->weak; });
  EXPECT_EQ(ValueOf(to->weak), 5);
  target = nullptr;
  CollectPrecisely();
  EXPECT_TRUE(Cleared(to->weak));
  EXPECT_TRUE(Cleared(from->weak));
}

TEST_F(WeakMemberTest, OverwrittenTargetDies) {
  const Persistent<Node> holder(Make<Node>());
  const auto watcher = NoInline([&] {
    auto* const old = Make<Node>();
    holder->weak = old;
    return Persistent(Make<WeakRef<Node>>(old));
  });
  const Persistent<Node> target(Make<Node>(6));
  holder->weak = target.get();
  CollectPrecisely();
  EXPECT_TRUE(watcher->IsCleared());
  EXPECT_EQ(ValueOf(holder->weak), 6);
}

TEST_F(WeakMemberTest, ToItsOwnObjectDoesNotKeepIt) {
  const auto watcher = NoInline([] {
    auto* const node = Make<Node>();
    node->weak = node;
    return Persistent(Make<WeakRef<Node>>(node));
  });
  CollectPrecisely();
  EXPECT_TRUE(watcher->IsCleared());
}

TEST_F(WeakMemberTest, ChainOfStrongAndWeakLinksLivesAsFarAsTheStrongReach) {
  const Persistent<Node> root(Make<Node>(0));
  NoInline([&] {
    root->next = Make<Node>(1);
    root->next->weak = Make<Node>(2);
    root->weak = root->next.get();
  });
  CollectPrecisely();
  EXPECT_EQ(ValueOf(root->weak), 1);
  EXPECT_TRUE(Cleared(root->next->weak));
}

TEST_F(WeakMemberTest, OfADeadObjectLeavesTheTargetAlone) {
  const Persistent<Node> target(Make<Node>(3));
  NoInline([&] { Make<Node>()->weak = target.get(); });
  CollectPrecisely();
  EXPECT_EQ(target->value(), 3);
}

TEST_F(WeakMemberTest, InEveryKindOfFieldIsCleared) {
  const Persistent<Fields> fields(Make<Fields>());
  const auto set = [&](Node* target) {
    fields->plain = target;
    fields->optional.value() = target;  // unchecked, GCC 12 takes it for an overflow
    fields->pair.second = target;
    fields->array[2] = target;
    std::get<1>(fields->tuple) = target;
    fields->vector.push_back(target);
    fields->nested.weak = target;
  };
  const auto cells = [&] {
    return std::array{&fields->plain,      &*fields->optional,          &fields->pair.second,
                      &fields->array[2],   &std::get<1>(fields->tuple), &fields->vector.back(),
                      &fields->nested.weak};
  };
  Persistent<Node> target(Make<Node>(9));
  set(target);
  CollectPrecisely();
  for (const auto* cell : cells()) {
    EXPECT_EQ(ValueOf(*cell), 9);
  }
  target = nullptr;
  CollectPrecisely();
  for (const auto* cell : cells()) {
    EXPECT_TRUE(Cleared(*cell));
  }
}

TEST_F(WeakMemberTest, InAnAggregateIsWeakBesideAStrongOne) {
  const Persistent<Aggregate> aggregate(Make<Aggregate>(1));
  NoInline([&] {
    aggregate->weak = Make<Node>(1);
    aggregate->strong = Make<Node>(2);
  });
  CollectPrecisely();
  EXPECT_TRUE(Cleared(aggregate->weak));
  EXPECT_EQ(aggregate->strong->value(), 2);
}

// Large enough to be marked in parts.
TEST_F(WeakMemberTest, InArraysSmallAndLargeIsClearedIfItsTargetDies) {
  for (const std::size_t size : {std::size_t{7}, std::size_t{20'000}}) {
    const Persistent<Array<WeakMember<Node>>> weak(MakeArray<WeakMember<Node>>(size));
    const Persistent<Array<Member<Node>>> strong(MakeArray<Member<Node>>(size));
    NoInline([&] {
      for (std::size_t i = 0; i < size; i++) {
        auto* const node = Make<Node>(static_cast<int>(i));
        (*weak)[i] = node;
        if (i % 3 == 0) (*strong)[i] = node;
      }
    });
    CollectPrecisely();
    for (std::size_t i = 0; i < size; i++) {
      ASSERT_EQ(Cleared((*weak)[i]), i % 3 != 0) << i;
      if (i % 3 == 0) {
        ASSERT_EQ(ValueOf((*weak)[i]), static_cast<int>(i));
      }
    }
  }
}

TEST_F(WeakMemberTest, InAnArrayOfAggregatesIsCleared) {
  const Persistent<Array<Aggregate>> array(MakeArray<Aggregate>(100));
  NoInline([&] {
    for (auto& element : *array) {
      element.weak = Make<Node>(1);
      element.strong = Make<Node>(2);
    }
  });
  CollectPrecisely();
  for (const auto& element : *array) {
    EXPECT_TRUE(Cleared(element.weak));
    EXPECT_EQ(element.strong->value(), 2);
  }
}

TEST_F(WeakMemberTest, InAVectorSurvivesItsGrowth) {
  const Persistent<Vector<WeakMember<Node>>> vector(Make<Vector<WeakMember<Node>>>());
  const Persistent<Node> target(Make<Node>(4));
  constexpr int kSize = 1000;
  NoInline([&] {
    for (int i = 0; i < kSize; i++) vector->push_back(i % 2 == 0 ? target.get() : Make<Node>(i));
  });
  CollectPrecisely();
  for (int i = 0; i < kSize; i++) {
    ASSERT_EQ(Cleared((*vector)[i]), i % 2 != 0) << i;
  }
  NoInline([&] { vector->reserve(4 * kSize); });
  for (int i = 0; i < kSize; i++) {
    ASSERT_EQ(Cleared((*vector)[i]), i % 2 != 0) << i;
  }
}

TEST_F(WeakMemberTest, SecondBaseNamesTheWholeObject) {
  struct Holder {
    WeakMember<Second> second;
  };
  const Persistent<Holder> holder(Make<Holder>());
  Persistent<Both> both(Make<Both>());
  holder->second = both.get();
  CollectPrecisely();
  EXPECT_EQ(NoInline([&] { return holder->second.Get()->second; }), 2);
  both = nullptr;
  CollectPrecisely();
  EXPECT_TRUE(NoInline([&] { return holder->second.Get() == nullptr; }));
}

TEST_F(WeakMemberTest, TargetMayBeBeingConstructed) {
  struct Parent {
    WeakMember<Node> child;
  };
  struct Child {
    Child(Heap& heap, Parent& parent) {
      self = this;
      parent_cell = &parent;
      heap.Collect(StackState::kNoPointers);
      // Constructors' objects are roots.
      EXPECT_EQ(self.Get(), this);
    }
    void Trace(Visitor& visitor) const {
      visitor.Trace(self);
      visitor.Trace(parent_cell);
    }
    WeakMember<Child> self;
    Member<Parent> parent_cell;
  };
  const Persistent<Parent> parent(Make<Parent>());
  const Persistent<Child> child(NoInline([&] { return Make<Child>(heap(), *parent); }));
  CollectPrecisely();
  EXPECT_EQ(child->self.Get(), child.get());
}

TEST_F(WeakMemberTest, ToAnObjectWhoseConstructorThrewIsCleared) {
  struct Thrower {
    explicit Thrower(WeakMember<Thrower>& cell) {
      cell = this;
      throw 1;
    }
    void Trace(Visitor&) const {}
  };
  struct Holder {
    WeakMember<Thrower> cell;
  };
  const Persistent<Holder> holder(Make<Holder>());
  EXPECT_THROW(NoInline([&] { Make<Thrower>(holder->cell); }), int);
  CollectPrecisely();
  EXPECT_TRUE(NoInline([&] { return holder->cell.Get() == nullptr; }));
}

}  // namespace
}  // namespace elegy::test
