// HeapOptions::verify: finds what a program has stored without a barrier.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "src/concurrent/worklist.h"
#include "src/mutator/mutator_impl.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace misused {

struct Leaf {
  std::int64_t value = 0;
};
struct Box {
  Member<Leaf> leaf;
};
struct Refusing {
  explicit Refusing(Persistent<Refusing>& handle) {
    handle = this;
    throw 1;
  }
  void Trace(Visitor&) const {}
};

}  // namespace misused

namespace {

using misused::Box;
using misused::Leaf;
using misused::Refusing;
using testing::CycleStep;
using testing::CycleStepper;

class VerifierDeathTest : public HeapTest {
 protected:
  VerifierDeathTest() : HeapTest({.verify = true}) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }
};

// Brings an object to life again, behind the collector's back, when marking is over.
void ReviveAfterMarking(Heap& heap) {
  const Persistent<Box> box = Make<Box>();
  std::uintptr_t hidden = 0;  // from the stack scan
  {
    const BlockingRegion region(Mutator::Current());
    RunThreads(1, [&](int) {
      const Mutator other(heap);
      hidden = ~reinterpret_cast<std::uintptr_t>(Make<Leaf>());
    });
  }
  CycleStepper stepper(heap);
  stepper.AdvanceTo(CycleStep::kMarked);
  const std::uintptr_t address = ~hidden;
  std::memcpy(static_cast<void*>(&box->leaf), &address, sizeof(address));
  stepper.FinishCycle();
}

// Hands over something grey after the flip, when nobody is to mark any more.
void HandOverTooLate(Heap& heap) {
  const Persistent<Box> box = Make<Box>();
  CycleStepper stepper(heap);
  stepper.AdvanceTo(CycleStep::kRecordsQueued);
  auto segment = std::make_unique<internal::Segment>();
  segment->Push(box.get());
  internal::CurrentImpl().state.worklist.Publish(std::move(segment));
  stepper.FinishCycle();
}

TEST_F(VerifierDeathTest, WhatIsHandedOverAfterTheFlipIsFound) {
  EXPECT_DEATH(HandOverTooLate(heap()), "elegy: internal check failed: state_.worklist.Empty");
}

TEST_F(VerifierDeathTest, AStoreWithoutABarrierIsFoundWithBothTypes) {
  EXPECT_DEATH(ReviveAfterMarking(heap()),
               "elegy: verifier: .*misused::Box refers to an unmarked .*misused::Leaf");
}

// A constructor has handed its object out for good, and thrown.
TEST_F(VerifierDeathTest, AHandleToWhatWasNeverBuiltIsFoundWithItsType) {
  Persistent<Refusing> handle;
  EXPECT_THROW(Make<Refusing>(handle), int);
  EXPECT_DEATH(heap().Collect(),
               "elegy: verifier: a Persistent refers to a .*misused::Refusing whose constructor "
               "has thrown");
  handle = nullptr;
}

// A turn keeps its targets, whose only other reference is weak.
TEST_F(VerifierDeathTest, WhatATurnKeepsIsMarked) {
  const Persistent<WeakRef<Leaf>> reference =
      NoInline([] { return Persistent(Make<WeakRef<Leaf>>(Make<Leaf>(5))); });
  ScrubStack();
  heap().Collect();
  EXPECT_EQ(reference->Deref()->value, 5);
}

}  // namespace
}  // namespace elegy::test
