// How native memory that objects, registries and tables keep brings cycles forward, and makes who
// takes more of it than the collector can follow wait.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "src/mutator/mutator_impl.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;

constexpr std::size_t kMib = std::size_t{1} << 20;
// Of the 0.2 s that such a wait may take at most.
constexpr std::uint64_t kShortestWaitNs = 100'000'000;

class NativePacingTest : public HeapTest {
 protected:
  static const internal::Accounting& Figures() { return internal::CurrentImpl().state.accounting; }
  bool HasWaited() { return heap().Stats().allocation_stall_max_ns >= kShortestWaitNs; }

  // A flood that waits for each cycle, and runs its callbacks only then: `add` makes an object that
  // keeps a MiB and dies. Returns how much of that there has been at most.
  template <class F>
  std::uint64_t MostOfFlood(F add) {
    std::uint64_t most = 0;
    for (int cycle = 0; cycle < 60 && !HasFailure(); cycle++) {
      while (!Figures().FarBeyondGoal() && !HasFailure()) NoInline(add);
      most = std::max(most, heap().Stats().external_bytes);
      heap().Collect(StackState::kNoPointers);  // and runs no callback before
      mutator().DrainFinalization();
    }
    return most;
  }

  // So many MiB of memory of registries, which nothing refers to.
  static void DropRegistries(std::size_t mib) {
    const Persistent target(Make<int>(1));
    while (mib-- > 0) {
      for (int i = 0; i < 128; i++) {
        auto* const registry = Make<FinalizationRegistry<int>>([](int) {});
        ASSERT_TRUE(registry->Register(target, 1).ok());
      }
    }
  }
};

// The heap's goal is 40 MiB away from nothing, and the wait as far again.
constexpr std::uint64_t kMostOfAFlood = 160 * kMib;

TEST_F(NativePacingTest, WhatHasDiedOfAFloodDoesNotMakeRoomForMore) {
  const Persistent registry(Make<FinalizationRegistry<int>>([](int) {}));
  EXPECT_LT(MostOfFlood([&] {
              EXPECT_TRUE(registry->Register(Make<int>(1), 0, {.external_bytes = kMib}).ok());
            }),
            kMostOfAFlood);
  EXPECT_LT(heap().Stats().external_bytes, 10 * kMib);
}

TEST_F(NativePacingTest, NorIfTheHeapHearsOfItOnlyFromTheCallbacks) {
  const Persistent registry(Make<FinalizationRegistry<int>>(
      [this](int) { heap().AdjustExternalBytes(-static_cast<std::ptrdiff_t>(kMib)); }));
  EXPECT_LT(MostOfFlood([&] {
              heap().AdjustExternalBytes(kMib);
              EXPECT_TRUE(registry->Register(Make<int>(1), 0).ok());
            }),
            2 * kMostOfAFlood);
  EXPECT_LT(heap().Stats().external_bytes, 10 * kMib);
}

// RunNow closes what lives: that goes back to the budget, as what the program closes by itself.
TEST_F(NativePacingTest, WhatRunNowGivesBackCanBeTakenAgain) {
  constexpr std::ptrdiff_t kAlive = 400 * static_cast<std::ptrdiff_t>(kMib);
  const Persistent registry(Make<FinalizationRegistry<int>>(
      [this](int) { heap().AdjustExternalBytes(-static_cast<std::ptrdiff_t>(kMib)); }));
  const Persistent target(Make<int>(1));
  heap().AdjustExternalBytes(kAlive);
  CollectPrecisely();
  const std::int64_t before = Figures().Budget();
  for (int i = 0; i < 100; i++) {
    heap().AdjustExternalBytes(kMib);
    EXPECT_TRUE(registry->Track(target, 0)->RunNow());
  }
  EXPECT_GT(Figures().Budget(), before - 10 * static_cast<std::int64_t>(kMib));
  heap().AdjustExternalBytes(-kAlive);
}

// As much may come while the next cycle marks: it starts earlier.
TEST_F(NativePacingTest, WhatIsToldOfDuringMarkingStartsTheNextCycleEarlier) {
  const auto budget_after_telling_at = [this](CycleStep step) {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    heap().AdjustExternalBytes(100 * static_cast<std::ptrdiff_t>(kMib));
    stepper.FinishCycle();
    const std::int64_t budget = Figures().Budget();
    heap().AdjustExternalBytes(-100 * static_cast<std::ptrdiff_t>(kMib));
    CollectPrecisely();
    return budget;
  };
  heap().AdjustExternalBytes(400 * static_cast<std::ptrdiff_t>(kMib));  // for room
  CollectPrecisely();
  const std::int64_t after_marking = budget_after_telling_at(CycleStep::kFlipped);
  const std::int64_t during_marking = budget_after_telling_at(CycleStep::kBarrierOn);
  EXPECT_LT(during_marking, after_marking - 50 * static_cast<std::int64_t>(kMib));
  heap().AdjustExternalBytes(-400 * static_cast<std::ptrdiff_t>(kMib));
}

TEST_F(NativePacingTest, WhoDetachesWaitsForTheCycle) {
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kBarrierOn);
  {
    const BlockingRegion blocking(mutator());
    std::thread([this] {
      const Mutator short_lived(heap());
      heap().AdjustExternalBytes(std::ptrdiff_t{1} << 33);
    }).join();
  }
  EXPECT_TRUE(HasWaited());
  heap().AdjustExternalBytes(-(std::ptrdiff_t{1} << 33));
}

TEST_F(NativePacingTest, WhoTellsOfLittleDoesNotWaitForOthers) {
  const Persistent target(Make<int>(1));
  const Persistent registry(Make<FinalizationRegistry<int>>([](int) {}));
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kBarrierOn);
  std::thread([this] { heap().AdjustExternalBytes(std::ptrdiff_t{1} << 33); }).join();
  for (int i = 0; i < 100; i++) {
    EXPECT_TRUE(registry->Register(target, 0, {.external_bytes = 64}).ok());
  }
  mutator().Safepoint();
  EXPECT_FALSE(HasWaited());
  EXPECT_TRUE(registry->Register(target, 0, {.external_bytes = kMib}).ok());
  mutator().Safepoint();
  EXPECT_TRUE(HasWaited());
  heap().AdjustExternalBytes(-(std::ptrdiff_t{1} << 33));
}

TEST_F(NativePacingTest, WhoDropsRegistriesWaitsForTheCycle) {
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kBarrierOn);
  DropRegistries(160);
  mutator().Safepoint();
  EXPECT_TRUE(HasWaited());
}

TEST_F(NativePacingTest, TablesBeyondTheirGoalStartACycle) {
  const std::uint64_t before = heap().Stats().cycles;
  const auto has_begun = [&] { return heap().Stats().cycles > before; };
  while (!has_begun() && !Figures().IsNativeBeyondGoal()) DropRegistries(1);
  for (int i = 0; i < 10'000 && !has_begun(); i++) {
    mutator().Safepoint();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_TRUE(has_begun());
}

// What a cycle has not judged may be dead: it gives the next one no room.
TEST_F(NativePacingTest, TablesThatAreBornWhileACycleRunsDoNotRaiseTheirGoal) {
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kStacksScanned);
  DropRegistries(320);
  stepper.FinishCycle();
  EXPECT_FALSE(Figures().IsNativeBeyondGoal());
  stepper.AdvanceTo(CycleStep::kBarrierOn);
  DropRegistries(96);
  EXPECT_TRUE(Figures().IsNativeBeyondGoal());
  stepper.FinishCycle();
}

}  // namespace
}  // namespace elegy::test
