// The sweep of a block beside a constructor that throws there: the cell is free once, for one
// object.

#include <gtest/gtest.h>

#include <array>

#include "elegy/elegy.h"
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

TEST(SweepTest, ACellWhoseConstructorThrowsIsGivenToOneObject) {
  ExpectHolds("sweep, a constructor throws", {.preemptions = 1, .random_schedules = 500}, [] {
    WholeHeap world;
    {
      Mutator mutator(world.heap);
      Make<SweepBegins>();
    }
    Persistent<Cell> kept;
    Together({[&] {
                Mutator mutator(world.heap);
                try {
                  Make<Cell>(Cell::Kind::kRefused);
                  Require(false, "a constructor's exception is lost");
                } catch (const Refused&) {
                }
              },
              [&] {
                Mutator mutator(world.heap);
                ReadyInRegion(mutator);
                kept = Make<Cell>(Cell::Kind::kThing);
              },
              [&] { world.heap.Collect(); }},
             Start::kWhenReady);
    world.heap.Collect();
    Mutator mutator(world.heap);
    for (int i = 0; i < 4; i++) {
      Require(Make<Cell>(Cell::Kind::kThing) != kept.get(), "two objects share a cell");
    }
  });
}

}  // namespace
}  // namespace elegy::interleave
