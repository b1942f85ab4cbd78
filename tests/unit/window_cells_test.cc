// Cells without an object, in the moments at which two threads deal with them at once.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/actor.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/held_point.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using internal::ChaosPointOf;
using testing::CycleStep;
using testing::CycleStepper;

// Says when it is traced without having been made.
struct Traced {
  void Trace(Visitor&) const {
    if (made != kMade) unmade_were_traced = true;
  }

  static constexpr std::uint64_t kMade = 0xA0761D6478BD642F;
  static std::atomic<bool> unmade_were_traced;

  std::uint64_t made = kMade;
};
std::atomic<bool> Traced::unmade_were_traced{false};

struct Refused {};

// Says when it is destroyed without having been made.
class Refusing {
 public:
  Refusing() : was_made_(true) {}
  Refusing(std::atomic<bool>& begun, const std::atomic<bool>& may_end) {
    {
      const BlockingRegion region(Mutator::Current());
      begun = true;
      while (!may_end) std::this_thread::yield();
    }
    throw Refused();
  }
  ~Refusing() {
    if (!was_made_) unmade_were_destroyed = true;
    was_made_ = false;
  }

  static std::atomic<bool> unmade_were_destroyed;

 private:
  bool was_made_ = false;
};
std::atomic<bool> Refusing::unmade_were_destroyed{false};

}  // namespace
}  // namespace elegy::test

namespace elegy {
template <>
inline constexpr bool kHasNoSlots<test::Refusing> = true;
}  // namespace elegy

namespace elegy::test {
namespace {

class WindowCellsTest : public ::testing::Test {
 protected:
  Heap heap_{TestOptions()};
};

// A mutator has claimed the cells after an object. A word on another stack happens to name one of
// them; when that has been found to be claimed, and is not marked yet, the mutator detaches.
TEST_F(WindowCellsTest, AWordThatNamesACellThatIsGivenBack) {
  Traced::unmade_were_traced = false;
  std::optional<Actor> owner(std::in_place, heap_);
  std::atomic<std::uintptr_t> cell{0};
  owner->Do([&] { cell = reinterpret_cast<std::uintptr_t>(Make<Traced>()) + 64 * sizeof(Traced); });
  Actor naming(heap_);
  std::atomic<bool> finished{false};
  naming.Start([&] {
    const volatile std::uintptr_t word = cell;
    const BlockingRegion region(Mutator::Current());
    while (!finished) std::this_thread::yield();
    EXPECT_EQ(word, cell);
  });

  CycleStepper stepper(heap_);
  stepper.AdvanceTo(CycleStep::kStacksScanned);
  HeldPoint marking(ChaosPointOf("candidate tested, not marked"));
  std::thread collector([&] { stepper.FinishCycle(); });
  marking.Await();
  std::atomic<bool> detached{false};
  std::thread detaching([&] {
    owner.reset();
    detached = true;
  });
  // It has to wait for the marker; long enough for one that does not.
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  while (!detached && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  marking.Release();
  detaching.join();
  collector.join();
  finished = true;
  EXPECT_FALSE(Traced::unmade_were_traced);
}

// A constructor that has lasted through a cycle throws when that is about to be swept.
TEST_F(WindowCellsTest, ACellWhoseConstructorThrowsBeforeTheSweepIsNotDestroyed) {
  Refusing::unmade_were_destroyed = false;
  Actor actor(heap_);
  std::atomic<bool> begun{false};
  std::atomic<bool> may_end{false};
  actor.Start([&] { EXPECT_THROW(Make<Refusing>(begun, may_end), Refused); });
  while (!begun) std::this_thread::yield();
  HeldPoint sweeping(ChaosPointOf("reads ended, nothing swept"));
  std::thread collector([&] { heap_.Collect(); });
  sweeping.Await();
  may_end = true;
  actor.Await();
  sweeping.Release();
  collector.join();
  for (int i = 0; i < 2; i++) heap_.Collect();
  EXPECT_FALSE(Refusing::unmade_were_destroyed);
}

// It throws when it is known what dies in the cycle that begins, and marks are still the last
// one's.
TEST_F(WindowCellsTest, ACellWhoseConstructorThrowsBeforeTheBitmapsAreSwappedIsNotDestroyed) {
  Refusing::unmade_were_destroyed = false;
  Actor actor(heap_);
  std::atomic<bool> begun{false};
  std::atomic<bool> may_end{false};
  actor.Start([&] { EXPECT_THROW(Make<Refusing>(begun, may_end), Refused); });
  while (!begun) std::this_thread::yield();
  HeldPoint swap(ChaosPointOf("condemned, bitmaps not swapped"));
  std::thread collector([&] { heap_.Collect(); });
  swap.Await();
  may_end = true;
  actor.Await();
  swap.Release();
  collector.join();
  for (int i = 0; i < 2; i++) heap_.Collect();
  EXPECT_FALSE(Refusing::unmade_were_destroyed);
}

// All mutators have answered handshake 4, and the sweep has not begun: the blocks in which cells
// were free before belong to the last cycle.
TEST_F(WindowCellsTest, WhatIsAllocatedBeforeTheSweepBeginsLivesInBlocksOfItsOwn) {
  constexpr std::uint64_t kObjects = 5000;
  Census census;
  Actor actor(heap_);
  std::vector<Persistent<Counted>> kept;
  const auto make = [&](std::uint64_t first, std::uint64_t step) {
    for (std::uint64_t i = first; i < first + kObjects; i += step) {
      kept.emplace_back(Make<Counted>(i, census));
      for (std::uint64_t dropped = 1; dropped < step; dropped++) Make<Counted>(0, census);
    }
  };
  actor.Do([&] { make(1, 2); });
  heap_.Collect();
  heap_.Collect();
  HeldPoint swept(ChaosPointOf("reads ended, nothing swept"));
  std::thread collector([&] { heap_.Collect(); });
  swept.Await();
  actor.Do([&] { make(1 + kObjects, 1); });
  swept.Release();
  collector.join();
  actor.Do([&] { make(1 + 2 * kObjects, 1); });
  std::set<std::uint64_t> ids;
  for (const Persistent<Counted>& object : kept) ids.insert(object->id());
  EXPECT_EQ(ids.size(), kept.size());  // no two at one place
  kept.clear();
  for (int i = 0; i < 2; i++) heap_.Collect();
  EXPECT_EQ(census.made, census.destroyed);
}

}  // namespace
}  // namespace elegy::test
