// Registration: the handle to one registration.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Node {
  int value = 0;
  Member<Node> next;
};

// Owns something native, and its own registration.
class Texture {
 public:
  void Adopt(Registration registration) { registration_ = std::move(registration); }
  bool Close() { return registration_.RunNow(); }
  bool Forget() { return registration_.Cancel(); }
  void Trace(Visitor&) const {}

 private:
  Registration registration_;
};

class RegistryHandleTest : public HeapTest {
 public:
  RegistryHandleTest()
      : registry(Make<FinalizationRegistry<int>>([this](int held) {
          calls.push_back(held);
          on_call(held);
        })),
        target(Make<Node>()) {}

  // A handle to the registration of `target`.
  Registration Track(int held) {
    absl::StatusOr<Registration> tracked = registry->Track(target, held);
    EXPECT_TRUE(tracked.ok());
    return *std::move(tracked);
  }
  const std::vector<int>& Delivered() {
    CollectPrecisely();
    mutator().Safepoint();
    return calls;
  }
  // Lets the target die, its record be queued and not yet run.
  void QueueAll() {
    target = nullptr;
    mutator().EndTurn(StackState::kNoPointers);
    heap().Collect(StackState::kNoPointers);
  }

  std::vector<int> calls;
  std::function<void(int)> on_call = [](int) {};
  Persistent<FinalizationRegistry<int>> registry;
  Persistent<Node> target;
};

TEST_F(RegistryHandleTest, DefaultConstructedDoesNothing) {
  Registration none;
  EXPECT_FALSE(none.Cancel());
  EXPECT_FALSE(none.RunNow());
}

TEST_F(RegistryHandleTest, CancelOfALivingRegistration) {
  Registration handle = Track(1);
  EXPECT_TRUE(handle.Cancel());
  EXPECT_FALSE(handle.Cancel());
  EXPECT_FALSE(handle.RunNow());
  target = nullptr;
  EXPECT_THAT(Delivered(), IsEmpty());
  EXPECT_EQ(heap().Stats().records_cancelled, 1u);
}

TEST_F(RegistryHandleTest, CancelOfAQueuedRecord) {
  Registration handle = Track(1);
  QueueAll();
  EXPECT_EQ(heap().Stats().records_queued, 1u);
  EXPECT_TRUE(handle.Cancel());
  EXPECT_THAT(Delivered(), IsEmpty());
}

TEST_F(RegistryHandleTest, CancelAfterDelivery) {
  Registration handle = Track(1);
  QueueAll();
  EXPECT_THAT(Delivered(), ElementsAre(1));
  EXPECT_FALSE(handle.Cancel());
  EXPECT_FALSE(handle.RunNow());
  EXPECT_THAT(calls, ElementsAre(1));
}

TEST_F(RegistryHandleTest, CancelAfterItsRecordHasBeenUsedAgain) {
  Registration handle = Track(1);
  QueueAll();
  EXPECT_THAT(Delivered(), ElementsAre(1));
  // Takes the record's place.
  target = Make<Node>();
  Registration second = Track(2);
  EXPECT_FALSE(handle.Cancel());
  target = nullptr;
  EXPECT_THAT(Delivered(), ElementsAre(1, 2));
}

TEST_F(RegistryHandleTest, CancelAfterUnregister) {
  const Persistent<Node> token(Make<Node>());
  Registration handle = Track(1);
  ASSERT_TRUE(registry->Register(target, 2, token).ok());
  EXPECT_TRUE(*registry->Unregister(token));
  EXPECT_TRUE(handle.Cancel());
}

TEST_F(RegistryHandleTest, RunNowRunsHereAndOnce) {
  Registration handle = Track(1);
  EXPECT_TRUE(handle.RunNow());
  EXPECT_THAT(calls, ElementsAre(1));
  EXPECT_FALSE(handle.RunNow());
  EXPECT_FALSE(handle.Cancel());
  target = nullptr;
  EXPECT_THAT(Delivered(), ElementsAre(1));
  EXPECT_EQ(heap().Stats().records_delivered, 1u);
}

TEST_F(RegistryHandleTest, RunNowOfAQueuedRecordTakesItFromTheQueue) {
  Registration handle = Track(1);
  QueueAll();
  EXPECT_TRUE(handle.RunNow());
  EXPECT_THAT(calls, ElementsAre(1));
  EXPECT_THAT(Delivered(), ElementsAre(1));
  EXPECT_EQ(registry->CleanupSome(), 0u);
}

TEST_F(RegistryHandleTest, RunNowInAnothersCallback) {
  Registration first = Track(1);
  Registration second = Track(2);
  QueueAll();
  on_call = [&](int held) {
    if (held == 1) {
      EXPECT_FALSE(first.RunNow());
      second.RunNow();
    } else {
      EXPECT_FALSE(second.RunNow());
      first.RunNow();
    }
  };
  EXPECT_EQ(registry->CleanupSome(), 1u);
  EXPECT_EQ(calls.size(), 2u);
}

TEST_F(RegistryHandleTest, ExceptionLeavesRunNowAndTheRecordIsSpent) {
  Registration handle = Track(1);
  on_call = [](int) { throw std::runtime_error("callback"); };
  EXPECT_THROW(handle.RunNow(), std::runtime_error);
  EXPECT_FALSE(handle.RunNow());
  target = nullptr;
  EXPECT_THAT(Delivered(), ElementsAre(1));
  EXPECT_EQ(heap().Stats().records_delivered, 1u);
}

TEST_F(RegistryHandleTest, MovesOn) {
  Registration first = Track(1);
  Registration second = std::move(first);
  EXPECT_FALSE(first.Cancel());  // NOLINT: moved from, and empty
  Registration third;
  third = std::move(second);
  EXPECT_FALSE(second.RunNow());  // NOLINT: as above
  EXPECT_TRUE(third.Cancel());
}

TEST_F(RegistryHandleTest, BeingDroppedOrOverwrittenLeavesTheRegistrationInForce) {
  { Registration dropped = Track(1); }
  Registration overwritten = Track(2);
  overwritten = Track(3);
  target = nullptr;
  EXPECT_THAT(Delivered(), ::testing::UnorderedElementsAre(1, 2, 3));
}

TEST_F(RegistryHandleTest, KeepsNeitherTargetNorRegistry) {
  WeakPersistent<Node> weak_target = target.get();
  WeakPersistent<FinalizationRegistry<int>> weak_registry = registry.get();
  Registration handle = Track(1);
  registry = nullptr;
  CollectPrecisely();
  EXPECT_EQ(weak_registry.Get(), nullptr);
  EXPECT_FALSE(handle.Cancel());
  target = nullptr;
  CollectPrecisely();
  EXPECT_EQ(weak_target.Get(), nullptr);
}

TEST_F(RegistryHandleTest, DoesNothingAfterTheRegistrysDeath) {
  Registration cancelled = Track(1);
  Registration run = Track(2);
  registry = nullptr;
  CollectPrecisely();
  EXPECT_FALSE(cancelled.Cancel());
  EXPECT_FALSE(run.RunNow());
  EXPECT_THAT(calls, IsEmpty());
  EXPECT_EQ(heap().Stats().records_dropped, 2u);
}

TEST_F(RegistryHandleTest, KeepsTheCleanupOfADeadRegistryNoLonger) {
  auto sentinel = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = sentinel;
  registry = Make<FinalizationRegistry<int>>([sentinel](int) {});
  sentinel = nullptr;
  Registration handle = Track(1);
  EXPECT_FALSE(watch.expired());
  registry = nullptr;
  CollectPrecisely();
  EXPECT_TRUE(watch.expired());
  EXPECT_FALSE(handle.RunNow());
}

TEST_F(RegistryHandleTest, DoesNothingAfterTheHeapsEnd) {
  Detach();
  Registration cancelled;
  Registration run;
  Registration destroyed;
  {
    Heap short_lived(TestOptions());
    Mutator attached(short_lived);
    auto* const its = Make<FinalizationRegistry<int>>([](int) { ADD_FAILURE(); });
    const Persistent<Node> node(Make<Node>());
    cancelled = *its->Track(node, 1);
    run = *its->Track(node, 2);
    destroyed = *its->Track(node, 3);
  }
  EXPECT_FALSE(cancelled.Cancel());
  EXPECT_FALSE(run.RunNow());
}

TEST_F(RegistryHandleTest, MayBeAFieldOfItsOwnTargetThatIsClosed) {
  const Persistent<Texture> texture(Make<Texture>());
  texture->Adopt(*registry->Track(texture, 1));
  EXPECT_TRUE(texture->Close());
  EXPECT_FALSE(texture->Close());
  EXPECT_THAT(Delivered(), ElementsAre(1));
}

TEST_F(RegistryHandleTest, MayBeAFieldOfItsOwnTargetThatDies) {
  WeakPersistent<Texture> weak;
  NoInline([&] {
    auto* const texture = Make<Texture>();
    weak = texture;
    texture->Adopt(*registry->Track(texture, 1));
  });
  EXPECT_THAT(Delivered(), ElementsAre(1));
  EXPECT_EQ(weak.Get(), nullptr);
  // The record's memory is free for another.
  const Persistent<Texture> other(Make<Texture>());
  other->Adopt(*registry->Track(other, 2));
  EXPECT_TRUE(other->Forget());
}

TEST_F(RegistryHandleTest, MayBeCancelledOnAThreadThatIsNotAttached) {
  Registration handle = Track(1);
  bool cancelled = false;
  {
    BlockingRegion region(mutator());
    std::thread([&] { cancelled = handle.Cancel(); }).join();
  }
  EXPECT_TRUE(cancelled);
  target = nullptr;
  EXPECT_THAT(Delivered(), IsEmpty());
}

TEST_F(RegistryHandleTest, CancelLetsTheHeldValueGo) {
  const Persistent<FinalizationRegistry<Member<Node>>> slots(
      Make<FinalizationRegistry<Member<Node>>>([](Node*) {}));
  WeakPersistent<Node> held;
  Registration handle = NoInline([&] {
    auto* const node = Make<Node>(1);
    held = node;
    return *slots->Track(target, node);
  });
  CollectPrecisely();
  EXPECT_TRUE(NoInline([&] { return held.Get() != nullptr; }));
  EXPECT_TRUE(handle.Cancel());
  CollectPrecisely();
  EXPECT_EQ(held.Get(), nullptr);
}

// One call of Cancel, or of RunNow, at each step of the cycle in which the target dies.
class RegistryHandleAtStepsTest : public RegistryHandleTest,
                                  public ::testing::WithParamInterface<CycleStep> {};

TEST_P(RegistryHandleAtStepsTest, Cancel) {
  Registration handle = Track(1);
  target = nullptr;
  mutator().EndTurn(StackState::kNoPointers);
  {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(GetParam());
    EXPECT_TRUE(handle.Cancel());
  }
  EXPECT_THAT(Delivered(), IsEmpty());
  EXPECT_EQ(heap().Stats().records_cancelled, 1u);
}

TEST_P(RegistryHandleAtStepsTest, RunNow) {
  Registration handle = Track(1);
  target = nullptr;
  mutator().EndTurn(StackState::kNoPointers);
  {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(GetParam());
    EXPECT_TRUE(handle.RunNow());
    EXPECT_THAT(calls, ElementsAre(1));
  }
  EXPECT_THAT(Delivered(), ElementsAre(1));
  EXPECT_EQ(heap().Stats().records_delivered, 1u);
}

// The registry itself dies in that cycle: from the flip on its callbacks do not run any more.
TEST_P(RegistryHandleAtStepsTest, RunNowOfADyingRegistry) {
  Heap precise(TestOptions({.conservative_stacks = false}));
  Detach();
  Mutator attached(precise);
  Persistent<FinalizationRegistry<int>> dying(
      Make<FinalizationRegistry<int>>([&](int held) { calls.push_back(held); }));
  const Persistent<Node> living(Make<Node>());
  Registration handle = *dying->Track(living, 1);
  dying = nullptr;
  CycleStepper stepper(precise);
  stepper.AdvanceTo(GetParam());
  const bool before_the_flip = GetParam() < CycleStep::kFlipped;
  EXPECT_EQ(handle.RunNow(), before_the_flip);
  EXPECT_EQ(calls.size(), before_the_flip ? 1u : 0u);
}

// Nothing refers to the registry any more, and so to what it held: what is cancelled is no work for
// a later cycle.
TEST_P(RegistryHandleAtStepsTest, CancelOfADyingRegistry) {
  constexpr int kHandles = 2000;
  Heap precise(TestOptions({.conservative_stacks = false}));
  Detach();
  Mutator attached(precise);
  Persistent dying(Make<FinalizationRegistry<Member<Node>>>([](const Member<Node>&) {}));
  const Persistent<Node> living(Make<Node>());
  std::vector<Registration> handles;
  for (int i = 0; i < kHandles; i++) {
    const Persistent<Node> held(Make<Node>(i, Make<Node>(i)));
    handles.push_back(*dying->Track(living, held.get()));
  }
  dying = nullptr;
  CycleStepper stepper(precise);
  stepper.AdvanceTo(GetParam());
  int cancelled = 0;
  for (Registration& handle : handles) cancelled += handle.Cancel() ? 1 : 0;
  stepper.FinishCycle();
  precise.Collect();
  precise.Collect();
  EXPECT_TRUE(cancelled == kHandles || GetParam() == CycleStep::kSwept);
  EXPECT_EQ(precise.Stats().live_bytes, sizeof(Node));
}

INSTANTIATE_TEST_SUITE_P(Steps, RegistryHandleAtStepsTest,
                         ::testing::Values(CycleStep::kBarrierOn, CycleStep::kStacksScanned,
                                           CycleStep::kMarked, CycleStep::kFlipped,
                                           CycleStep::kCellsCleared, CycleStep::kRecordsQueued,
                                           CycleStep::kSwept));

}  // namespace
}  // namespace elegy::test
