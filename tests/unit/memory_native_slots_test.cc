// Slots in native memory that belongs to an object, built with it, which its Trace follows; and
// slots that no object has.

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

class Owner {
 public:
  explicit Owner(Counted* part)
      : parts_(new std::array<const Member<Counted>, 2>{Member<Counted>(), Member<Counted>(part)}) {
  }
  void Trace(Visitor& visitor) const {
    for (const Member<Counted>& part : *parts_) visitor.Trace(part);
  }

  const Counted* part(std::size_t i) const { return (*parts_)[i]; }

 private:
  const std::unique_ptr<std::array<const Member<Counted>, 2>> parts_;
};

class MemoryNativeSlotsTest : public HeapTest {};

TEST_F(MemoryNativeSlotsTest, AreTraced) {
  Census census;
  Persistent<Owner> owner =
      NoInline([&] { return Persistent<Owner>(Make<Owner>(Make<Counted>(1, census))); });
  CollectPrecisely();
  EXPECT_EQ(owner->part(1)->id(), 1u);
  owner = nullptr;
  CollectPrecisely();
  EXPECT_EQ(census.destroyed, 1u);
}

// A slot that no object has keeps nothing, and may be stored to all the same.
TEST_F(MemoryNativeSlotsTest, WhatAStaleOneHoldsIsNotLookedAt) {
  Census census;
  static std::array<Member<Counted>, 100> g_slots;
  NoInline([&] {
    for (auto& slot : g_slots) slot = Make<Counted>(1, census);
  });
  for (int i = 0; i < 4; i++) CollectPrecisely();
  ASSERT_EQ(census.destroyed, 100u);
  CycleStepper stepper(heap());
  for (const CycleStep step : {CycleStep::kBarrierOn, CycleStep::kStacksScanned}) {
    stepper.AdvanceTo(step);
    for (std::size_t i = 1; i < g_slots.size(); i++) g_slots[i] = g_slots[i - 1];
  }
  for (auto& slot : g_slots) slot = nullptr;
  stepper.FinishCycle();
  CollectPrecisely();
  EXPECT_EQ(census.destroyed, 100u);
}

}  // namespace
}  // namespace elegy::test
