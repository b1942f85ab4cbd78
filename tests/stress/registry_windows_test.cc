// Single interleavings of registration, cancelling and delivery.

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using Registry = FinalizationRegistry<int>;

struct Target {
  int value;
};

class RegistryWindowsTest : public HeapTest {
 public:
  Persistent<Registry> MakeRegistry() {
    return Make<Registry>([this](int held) { delivered_.push_back(held); });
  }
  Registration Track(Registry& registry, int held) {
    return NoInline([&] { return *registry.Track(Make<Target>(held), int{held}); });
  }
  std::vector<int>& delivered() { return delivered_; }

 private:
  std::vector<int> delivered_;
};

// The record's batch still names it when its storage is used for another registration.
TEST_F(RegistryWindowsTest, RunNowOfAQueuedRecordLeavesItsSuccessorAlone) {
  Persistent<Registry> registry = MakeRegistry();
  Registration first = Track(*registry, 1);
  heap().Collect(StackState::kNoPointers);
  EXPECT_EQ(heap().Stats().records_queued, 1u);
  EXPECT_TRUE(first.RunNow());
  Persistent<Target> second = Make<Target>(2);
  ASSERT_TRUE(registry->Register(second, 2).ok());
  mutator().Safepoint();
  EXPECT_EQ(registry->CleanupSome(), 0u);
  EXPECT_EQ(delivered(), std::vector<int>({1}));
  second = nullptr;
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_EQ(delivered(), std::vector<int>({1, 2}));
}

TEST_F(RegistryWindowsTest, ARecordThatRunsIsNotFreedByADrainInItsCallback) {
  std::vector<int> delivered;
  Persistent<Registry> registry;
  registry = Make<Registry>([&](int held) {
    delivered.push_back(held);
    if (held == 1) registry->CleanupSome();
  });
  Registration first = Track(*registry, 1);
  heap().Collect(StackState::kNoPointers);
  EXPECT_TRUE(first.RunNow());
  // Were the record freed twice, two of these would share its storage.
  std::vector<Persistent<Target>> targets;
  for (int i = 2; i < 6; i++) {
    targets.emplace_back(Make<Target>(i));
    ASSERT_TRUE(registry->Register(targets.back(), int{i}).ok());
  }
  targets.clear();
  CollectPrecisely();
  mutator().Safepoint();
  registry->CleanupSome();
  EXPECT_EQ(delivered.size(), 5u);
  EXPECT_EQ(heap().Stats().records_delivered, 5u);
}

TEST_F(RegistryWindowsTest, RecordsAreQueuedOnlyAfterTheFlip) {
  Persistent<Registry> registry = MakeRegistry();
  NoInline([&] { Track(*registry, 1); });
  testing::CycleStepper stepper(heap());
  stepper.AdvanceTo(testing::CycleStep::kCellsCleared);
  EXPECT_EQ(heap().Stats().records_queued, 0u);
  stepper.AdvanceTo(testing::CycleStep::kRecordsQueued);
  mutator().Safepoint();
  stepper.FinishCycle();
}

// What a moved-from held value referred to is still the callback's.
struct Taking {
  explicit Taking(Counted* target) : slot(target) {}
  Taking(Taking&& other) noexcept : slot(other.slot) { other.slot = nullptr; }
  void Trace(Visitor& visitor) const { visitor.Trace(slot); }
  Member<Counted> slot;
};

TEST_F(RegistryWindowsTest, HeldValueThatIsMovedOutWhileMarkingLives) {
  using TakingRegistry = FinalizationRegistry<Taking>;
  Census census;
  testing::CycleStepper* stepping = nullptr;
  Persistent<TakingRegistry> registry = Make<TakingRegistry>([&](Taking held) {
    stepping->FinishCycle();
    EXPECT_EQ(held.slot->id(), 5u);
  });
  NoInline([&] {
    Target* const target = Make<Target>(1);
    ASSERT_TRUE(registry->Register(target, Taking(Make<Counted>(5, census))).ok());
  });
  CollectPrecisely();
  testing::CycleStepper stepper(heap());
  stepping = &stepper;
  stepper.AdvanceTo(testing::CycleStep::kStacksScanned);
  EXPECT_EQ(registry->CleanupSome(), 1u);
}

}  // namespace
}  // namespace elegy::test
