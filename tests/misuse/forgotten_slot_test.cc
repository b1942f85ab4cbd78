// A Trace that forgets a slot would let its target die while in use: the first objects of a type
// are checked.

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

struct Leaf {
  std::int64_t value = 0;
};

constexpr char kForgets[] = "elegy: the Trace of .* forgets the slot at offset";

class ForgottenSlotDeathTest : public HeapTest {
 protected:
  ForgottenSlotDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

class ForgetsMember {
 public:
  void Trace(Visitor& visitor) const { visitor.Trace(first_); }

 private:
  Member<Leaf> first_, second_;
};

TEST_F(ForgottenSlotDeathTest, AMember) {
  EXPECT_DEATH(Make<ForgetsMember>(),
               "elegy: the Trace of .*ForgetsMember forgets the slot at offset 8");
}

// Also if each field is given.
struct AggregateForgets {
  Member<Leaf> first, second;
  void Trace(Visitor& visitor) const { visitor.Trace(first); }
};

TEST_F(ForgottenSlotDeathTest, AMemberOfAnAggregate) {
  EXPECT_DEATH((Make<AggregateForgets>(nullptr, Make<Leaf>(1))),
               "elegy: the Trace of .*AggregateForgets forgets the slot at offset 8");
}

class ForgetsAll {
 public:
  void Trace(Visitor&) const {}

 private:
  [[maybe_unused]] std::int64_t number_ = 0;
  Member<Leaf> leaf_;
};

TEST_F(ForgottenSlotDeathTest, AllOfThem) { EXPECT_DEATH(Make<ForgetsAll>(), kForgets); }

class ForgetsAtomicMember {
 public:
  void Trace(Visitor& visitor) const { visitor.Trace(first_); }

 private:
  Member<Leaf> first_;
  AtomicMember<Leaf> second_;
};

TEST_F(ForgottenSlotDeathTest, AnAtomicMember) {
  EXPECT_DEATH(Make<ForgetsAtomicMember>(), kForgets);
}

class ForgetsWeakMember {
 public:
  void Trace(Visitor& visitor) const { visitor.Trace(first_); }

 private:
  Member<Leaf> first_;
  WeakMember<Leaf> second_;
};

TEST_F(ForgottenSlotDeathTest, AWeakMember) { EXPECT_DEATH(Make<ForgetsWeakMember>(), kForgets); }

class ForgetsVector {
 public:
  void Trace(Visitor&) const {}

 private:
  Vector<Member<Leaf>> leaves_;
};

TEST_F(ForgottenSlotDeathTest, AVector) { EXPECT_DEATH(Make<ForgetsVector>(), kForgets); }

class ForgetsContainers {
 public:
  void Trace(Visitor& visitor) const {
    visitor.Trace(array_);
    visitor.Trace(pair_.first);
  }

 private:
  std::array<Member<Leaf>, 2> array_;
  std::pair<Member<Leaf>, std::optional<Member<Leaf>>> pair_ = {nullptr, Member<Leaf>()};
};

TEST_F(ForgottenSlotDeathTest, ASlotInAStandardType) {
  EXPECT_DEATH(Make<ForgetsContainers>(), kForgets);
}

// A field whose own Trace is at fault.
class Outer {
 public:
  void Trace(Visitor& visitor) const { visitor.Trace(inner_); }

 private:
  [[maybe_unused]] std::int64_t number_ = 0;
  ForgetsMember inner_;
};

TEST_F(ForgottenSlotDeathTest, ASlotInANestedClass) { EXPECT_DEATH(Make<Outer>(), kForgets); }

struct InnerAggregate {
  Member<Leaf> leaf;
};
class ForgetsField {
 public:
  void Trace(Visitor& visitor) const { visitor.Trace(first_); }

 private:
  InnerAggregate first_, second_;
};

TEST_F(ForgottenSlotDeathTest, AWholeField) { EXPECT_DEATH(Make<ForgetsField>(), kForgets); }

struct AggregateOfFaulty {
  std::int64_t number = 0;
  ForgetsMember faulty;
};

TEST_F(ForgottenSlotDeathTest, ASlotInAClassInAnAggregate) {
  EXPECT_DEATH(Make<AggregateOfFaulty>(), kForgets);
}

TEST_F(ForgottenSlotDeathTest, ASlotInAnElementOfAnArray) {
  EXPECT_DEATH(MakeArray<ForgetsMember>(3), kForgets);
  EXPECT_DEATH(MakeArray<AggregateOfFaulty>(3000), kForgets);
}

// A derived class with a slot more, and its base's Trace.
class Base {
 public:
  virtual ~Base() = default;
  virtual void Trace(Visitor& visitor) const { visitor.Trace(leaf_); }

 private:
  Member<Leaf> leaf_;
};
class DerivedWithout final : public Base {
 private:
  Member<Leaf> another_;
};
class DerivedThatForgetsItsBase final : public Base {
 public:
  void Trace(Visitor& visitor) const override { visitor.Trace(another_); }

 private:
  Member<Leaf> another_;
};

TEST_F(ForgottenSlotDeathTest, ADerivedClasssSlot) {
  EXPECT_DEATH(Make<DerivedWithout>(), kForgets);
}

TEST_F(ForgottenSlotDeathTest, ABasesSlot) {
  EXPECT_DEATH(Make<DerivedThatForgetsItsBase>(), kForgets);
}

// Constructors that make others, also of the same type, and fail now and then, do not confuse it.
class Careful {
 public:
  explicit Careful(int depth) {
    if (depth > 0) inner_ = Make<Careful>(depth - 1);
    Member<Leaf> local = Make<Leaf>();  // no slot of the object
    leaf_ = local;
    if (depth < 0) throw depth;
  }
  void Trace(Visitor& visitor) const {
    visitor.Trace(leaf_);
    visitor.Trace(inner_);
  }

 private:
  Member<Leaf> leaf_;
  Member<Careful> inner_;
};

TEST_F(ForgottenSlotDeathTest, WhatIsVisitedIsNoFault) {
  EXPECT_THROW(Make<Careful>(-1), int);
  EXPECT_NE(Make<Careful>(10), nullptr);
  EXPECT_THROW(Make<Careful>(-2), int);
}

}  // namespace
}  // namespace elegy::test
