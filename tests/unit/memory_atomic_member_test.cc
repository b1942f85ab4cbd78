// AtomicMember: std::atomic's operations on a slot, each with a barrier.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

struct Node {
  explicit Node(const Census& census) : counted(7, census) {}
  void Trace(Visitor&) const {}

  Counted counted;
};
using Slot = AtomicMember<Node>;

struct Holder {
  Slot slot;
};

constexpr auto kRelaxed = std::memory_order_relaxed;  // strengthened: see AtomicMember

// Puts a target into a slot that refers to another.
struct Way {
  const char* name;
  void (*put)(Slot& slot, Node* old, Node* target);
};

constexpr Way kWays[] = {
    {"Store", [](Slot& slot, Node*, Node* target) { slot.store(target); }},
    {"StoreRelaxed", [](Slot& slot, Node*, Node* target) { slot.store(target, kRelaxed); }},
    {"Assign", [](Slot& slot, Node*, Node* target) { EXPECT_EQ(slot = target, target); }},
    {"Exchange",
     [](Slot& slot, Node* old, Node* target) { EXPECT_EQ(slot.exchange(target), old); }},
    {"CompareStrong", [](Slot& slot, Node* old,
                         Node* target) { EXPECT_TRUE(slot.compare_exchange_strong(old, target)); }},
    {"CompareStrongTwoOrders",
     [](Slot& slot, Node* old, Node* target) {
       EXPECT_TRUE(slot.compare_exchange_strong(old, target, kRelaxed, kRelaxed));
     }},
    {"CompareWeak",
     [](Slot& slot, Node* old, Node* target) {
       while (!slot.compare_exchange_weak(old, target)) continue;
     }},
    {"CompareWeakTwoOrders",
     [](Slot& slot, Node* old, Node* target) {
       while (!slot.compare_exchange_weak(old, target, kRelaxed, kRelaxed)) continue;
     }},
};

class AtomicMemberTest : public HeapTest, public ::testing::WithParamInterface<Way> {
 protected:
  void Put(Slot& slot, Node* old, Node* target) { GetParam().put(slot, old, target); }

  Census census_;
  const Persistent<Holder> holder_ = Make<Holder>();
};

INSTANTIATE_TEST_SUITE_P(Ways, AtomicMemberTest, ::testing::ValuesIn(kWays),
                         [](const auto& way) { return std::string(way.param.name); });

TEST_P(AtomicMemberTest, WhatIsPutInIsReferredToAndKept) {
  NoInline([&] {
    holder_->slot.store(Make<Node>(census_));
    Node* const target = Make<Node>(census_);
    Put(holder_->slot, holder_->slot.load(), target);
    EXPECT_EQ(holder_->slot.load(kRelaxed), target);
    EXPECT_EQ(holder_->slot, target);
  });
  CollectPrecisely();
  EXPECT_EQ(holder_->slot.load()->counted.id(), 7u);
  EXPECT_EQ(census_.destroyed, 1u);
}

// Its only owner's stack has been scanned, and nothing has been marked.
TEST_P(AtomicMemberTest, WhatIsTakenOutWhileMarkingLives) {
  NoInline([&] { holder_->slot.store(Make<Node>(census_)); });
  ScrubStack();
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kStacksScanned);
  Node* const taken = holder_->slot.load();
  Put(holder_->slot, taken, nullptr);
  stepper.AdvanceTo(CycleStep::kSwept);
  EXPECT_EQ(census_.destroyed, 0u);
  EXPECT_EQ(taken->counted.id(), 7u);
}

TEST(AtomicMemberCompareTest, AFailureStoresNothingAndSaysWhatIsThere) {
  Heap heap(TestOptions());
  const Mutator mutator(heap);
  Census census;
  const Persistent<Holder> holder = Make<Holder>();
  Node* const there = Make<Node>(census);
  holder->slot.store(there);
  Node* const other = Make<Node>(census);
  const auto expect_failure = [&](auto&& compare) {
    Node* expected = other;
    EXPECT_FALSE(compare(expected));
    EXPECT_EQ(expected, there);
    EXPECT_EQ(holder->slot.load(), there);
  };
  Slot& slot = holder->slot;
  expect_failure([&](Node*& old) { return slot.compare_exchange_strong(old, nullptr); });
  expect_failure([&](Node*& old) { return slot.compare_exchange_weak(old, nullptr); });
  expect_failure(
      [&](Node*& old) { return slot.compare_exchange_strong(old, nullptr, kRelaxed, kRelaxed); });
  expect_failure(
      [&](Node*& old) { return slot.compare_exchange_weak(old, nullptr, kRelaxed, kRelaxed); });
}

}  // namespace
}  // namespace elegy::test
