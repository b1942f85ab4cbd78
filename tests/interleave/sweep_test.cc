// A cell whose constructor throws, in a block that is being swept, or that another mutator has
// taken meanwhile: it is free once, for one object.

#include <gtest/gtest.h>

#include <array>
#include <utility>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/interleave/explore.h"
#include "tests/interleave/scheduler.h"
#include "tests/interleave/whole_heap.h"

namespace elegy::interleave {
namespace {

struct Refused {};

// Two of them fill a block.
class Cell {
 public:
  enum class Kind { kThing, kRefused };
  explicit Cell(Kind kind) {
    if (kind == Kind::kThing) return;
    {
      const BlockingRegion region(Mutator::Current());
      Settle();  // a cycle begins, and comes to the sweep
      Ready();
    }
    throw Refused();
  }

 private:
  [[maybe_unused]] std::array<char, 6000> filling_{};
};

// Large objects are swept first: what is explored begins when the rest is to be swept.
class SweepBegins {
 public:
  ~SweepBegins() { Ready(); }

 private:
  [[maybe_unused]] std::array<char, 40000> filling_{};
};

// The same for the marking of the cycle that is waited for.
class MarkingBegins {
 public:
  void Trace(Visitor&) const {
    if (!std::exchange(awaited, false)) return;
    Ready();
    Settle();  // what is explored ends before the marking does
  }

  static bool awaited;
};
bool MarkingBegins::awaited = false;

}  // namespace
}  // namespace elegy::interleave

namespace elegy {
template <>
inline constexpr bool kHasNoSlots<interleave::Cell> = true;
template <>
inline constexpr bool kHasNoSlots<interleave::SweepBegins> = true;
}  // namespace elegy

namespace elegy::interleave {
namespace {

void BeRefused(Heap& heap) {
  Mutator mutator(heap);
  try {
    Make<Cell>(Cell::Kind::kRefused);
    Require(false, "a constructor's exception is lost");
  } catch (const Refused&) {
  }
}

void ExpectNoOtherAt(const Cell* cell) {
  for (int i = 0; i < 4; i++) {
    Require(Make<Cell>(Cell::Kind::kThing) != cell, "two objects share a cell");
  }
}

TEST(SweepTest, ACellWhoseConstructorThrowsIsGivenToOneObject) {
  ExpectHolds("sweep, a constructor throws", {.preemptions = 1, .random_schedules = 500}, [] {
    WholeHeap world;
    {
      Mutator mutator(world.heap);
      Make<SweepBegins>();
    }
    Persistent<Cell> kept;
    Together({[&] { BeRefused(world.heap); },
              [&] {
                Mutator mutator(world.heap);
                ReadyInRegion(mutator);
                kept = Make<Cell>(Cell::Kind::kThing);
              },
              [&] { world.heap.Collect(); }},
             Start::kWhenReady);
    world.heap.Collect();
    Mutator mutator(world.heap);
    ExpectNoOtherAt(kept.get());
  });
}

// The first cycle lets the block go to others, for the cell lives while it is under construction.
TEST(SweepTest, ACellWhoseConstructorThrowsIsClaimedOnce) {
  ExpectHolds("claim, a constructor throws", {.preemptions = 1, .random_schedules = 500}, [] {
    WholeHeap world;
    Persistent<MarkingBegins> begins;
    {
      Mutator mutator(world.heap);
      begins = Make<MarkingBegins>();
    }
    Persistent<Cell> kept;
    Together({[&] { BeRefused(world.heap); },
              [&] {
                Mutator mutator(world.heap);
                ReadyInRegion(mutator);
                kept = Make<Cell>(Cell::Kind::kThing);
              },
              [&] {
                world.heap.Collect();
                MarkingBegins::awaited = true;
                world.heap.Collect();
              }},
             Start::kWhenReady);
    Mutator mutator(world.heap);
    ExpectNoOtherAt(kept.get());
  });
}

// The claimer allocates black; the constructor's thread is still to answer handshake 2, so that its
// cell is not marked: the mark is the claimer's, and must stay.
TEST(SweepTest, TheMarkOfWhoClaimsTheCellOfAConstructorThatThrowsStays) {
  ExpectHolds("claim before the scan, a constructor throws",
              {.preemptions = 1, .random_schedules = 2000}, [] {
                WholeHeap world;
                Together({[&] { BeRefused(world.heap); },
                          [&] {
                            Mutator mutator(world.heap);
                            ReadyInRegion(mutator);
                            // Kept alive to the turn's end, which the scan alone looks at.
                            Persistent<Cell> handle = Make<Cell>(Cell::Kind::kThing);
                            Make<WeakRef<Cell>>(handle.get());
                            const Cell* const mine = handle.get();
                            handle = nullptr;
                            {
                              const BlockingRegion region(mutator);
                              Settle();  // to the cycle's end
                            }
                            ExpectNoOtherAt(mine);
                          },
                          [&] {
                            world.heap.Collect();
                            testing::CycleStepper stepper(world.heap);
                            stepper.AdvanceTo(testing::CycleStep::kBarrierOn);
                            Ready();
                          }},
                         Start::kWhenReady);
              });
}

}  // namespace
}  // namespace elegy::interleave
