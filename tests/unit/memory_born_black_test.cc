// An object that one mutator makes after its scan is black from its birth, and is not traced.
// Another mutator, not scanned yet, writes into it what only its own turn keeps, and ends the turn
// before it is scanned: what is held strongly lives all the same, what is held weakly dies, and is
// gone from the object.

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/actor.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

struct Black {
  Member<Counted> strong;
  WeakMember<Counted> weak;
  Member<WeakMap<Counted, Member<Counted>>> map;
};

class MemoryBornBlackTest : public ::testing::Test {
 protected:
  // Leaves the object in `black`, and runs a cycle.
  void WriteBeforeTheScan(const std::function<void(Black&, Counted*)>& write) {
    Actor scanned(heap_);
    Actor unscanned(heap_);
    Counted* thing = nullptr;
    scanned.Do([&] { key = Make<Counted>(1, census); });
    CycleStepper stepper(heap_);
    stepper.AdvanceTo(CycleStep::kBarrierOn);
    unscanned.StandStill();
    unscanned.Do([&] {
      thing = Make<Counted>(2, census);
      Make<WeakRef<Counted>>(thing);  // keeps it to the turn's end
    });
    const std::uint64_t scans = Answers(heap_, 2);
    std::thread collector([&] { stepper.AdvanceTo(CycleStep::kStacksScanned); });
    AwaitAnswers(heap_, 2, scans + 1);
    scanned.Do([&] {
      black = Make<Black>();
      black->map = Make<WeakMap<Counted, Member<Counted>>>();
    });
    unscanned.Do([&] {
      write(*black, thing);
      thing = nullptr;
    });
    ScrubStack();
    unscanned.Poll();
    collector.join();
    stepper.FinishCycle();
  }

  static HeapOptions Precise() {
    HeapOptions options;
    options.conservative_stacks = false;
    return TestOptions(options);
  }

  Census census;
  Heap heap_{Precise()};
  Persistent<Black> black;
  Persistent<Counted> key;
};

TEST_F(MemoryBornBlackTest, WhatIsStoredInASlotLives) {
  WriteBeforeTheScan([](Black& object, Counted* thing) { object.strong = thing; });
  ASSERT_EQ(census.destroyed, 0u);
  EXPECT_EQ(black->strong->id(), 2u);
}

TEST_F(MemoryBornBlackTest, AWeakMapsValueLives) {
  WriteBeforeTheScan([this](Black& object, Counted* thing) {
    ASSERT_TRUE(object.map->Set(key.get(), thing).ok());
  });
  ASSERT_EQ(census.destroyed, 0u);
  const Mutator mutator(heap_);
  EXPECT_EQ(black->map->Get(key.get())->id(), 2u);
}

TEST_F(MemoryBornBlackTest, AWeakMemberIsCleared) {
  WriteBeforeTheScan([](Black& object, Counted* thing) { object.weak = thing; });
  ASSERT_EQ(census.destroyed, 1u);
  const Mutator mutator(heap_);
  EXPECT_EQ(black->weak.Get(), nullptr);
}

TEST_F(MemoryBornBlackTest, AWeakMapForgetsItsKey) {
  WriteBeforeTheScan([this](Black& object, Counted* thing) {
    ASSERT_TRUE(object.map->Set(thing, key.get()).ok());
  });
  ASSERT_EQ(census.destroyed, 1u);
  const Mutator mutator(heap_);
  // One of them gets the dead one's cell.
  for (std::uint64_t i = 0; i < 1000; i++) {
    ASSERT_FALSE(black->map->Has(Make<Counted>(i, census)));
  }
}

// A mutator that has been scanned moves a pointer into it from a slot that nobody has traced yet,
// and detaches: what its barrier has shaded is marked.
TEST_F(MemoryBornBlackTest, WhatIsMovedIntoItBySomebodyWhoDetachesLives) {
  std::optional<Actor> actor(std::in_place, heap_);
  Persistent<Black> old;
  actor->Do([&] {
    old = Make<Black>();
    old->strong = Make<Counted>(1, census);
  });
  CycleStepper stepper(heap_);
  stepper.AdvanceTo(CycleStep::kStacksScanned);
  actor->Do([&] {
    black = Make<Black>();
    black->strong = old->strong;
    old->strong = nullptr;
  });
  actor.reset();
  stepper.FinishCycle();
  ASSERT_EQ(census.destroyed, 0u);
  EXPECT_EQ(black->strong->id(), 1u);
}

}  // namespace
}  // namespace elegy::test
