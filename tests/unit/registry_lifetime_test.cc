// How long a registry lives: registrations do not keep it, queued records do.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
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
using ::testing::SizeIs;

using Registry = FinalizationRegistry<int>;

struct Node {
  int value = 0;
  Member<Node> next;
  Member<Registry> registry;
};

class RegistryLifetimeTest : public HeapTest {
 public:
  Registry* NewRegistry() {
    return Make<Registry>([this](int held) { calls.push_back(held); });
  }
  void Collect() { heap().Collect(StackState::kNoPointers); }
  static void RegisterDoomed(Registry& registry, int held) {
    NoInline([&] { ASSERT_TRUE(registry.Register(Make<Node>(), held).ok()); });
  }

  std::vector<int> calls;
};

TEST_F(RegistryLifetimeTest, DiesInTheCycleOfItsTargetsAndDropsThem) {
  WeakPersistent<Registry> weak;
  NoInline([&] {
    auto* const registry = NewRegistry();
    weak = registry;
    for (int i = 0; i < 10; i++) RegisterDoomed(*registry, i);
  });
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
  mutator().Safepoint();
  EXPECT_THAT(calls, IsEmpty());
  const HeapStats stats = heap().Stats();
  EXPECT_EQ(stats.records_dropped, 10u);
  EXPECT_EQ(stats.records_queued, 0u);
}

TEST_F(RegistryLifetimeTest, RegistrationsDoNotKeepIt) {
  WeakPersistent<Registry> weak;
  const Persistent<Node> target(Make<Node>());
  NoInline([&] {
    auto* const registry = NewRegistry();
    weak = registry;
    ASSERT_TRUE(registry->Register(target, 1).ok());
  });
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
  EXPECT_EQ(heap().Stats().records_dropped, 1u);
}

TEST_F(RegistryLifetimeTest, QueuedRecordsKeepItUntilTheyHaveRun) {
  WeakPersistent<Registry> weak;
  Persistent<Registry> registry(NewRegistry());
  weak = registry.get();
  RegisterDoomed(*registry, 1);
  RegisterDoomed(*registry, 2);
  Collect();
  registry = nullptr;
  for (int i = 0; i < 3; i++) Collect();
  EXPECT_EQ(NoInline([&] { return mutator().DrainFinalization(1); }), 1u);
  Collect();
  EXPECT_TRUE(NoInline([&] { return weak.Get() != nullptr; }));
  NoInline([&] { mutator().Safepoint(); });
  EXPECT_THAT(calls, SizeIs(2));
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
}

TEST_F(RegistryLifetimeTest, KeptByItsQueuedRecordsItKeepsItsLivingRegistrations) {
  Persistent<Registry> registry(NewRegistry());
  Persistent<Node> target(Make<Node>());
  ASSERT_TRUE(registry->Register(target, 1).ok());
  RegisterDoomed(*registry, 2);
  Collect();
  registry = nullptr;
  Collect();
  target = nullptr;
  mutator().EndTurn(StackState::kNoPointers);  // delivers the one that is queued
  EXPECT_THAT(calls, ElementsAre(2));
}

TEST_F(RegistryLifetimeTest, CancelledRecordsDoNotKeepIt) {
  WeakPersistent<Registry> weak;
  Persistent<Registry> registry(NewRegistry());
  const Persistent<Node> token(Make<Node>());
  weak = registry.get();
  NoInline([&] { ASSERT_TRUE(registry->Register(Make<Node>(), 1, token).ok()); });
  Collect();
  EXPECT_TRUE(*registry->Unregister(token));
  registry = nullptr;
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
  EXPECT_THAT(calls, IsEmpty());
}

TEST_F(RegistryLifetimeTest, OneThatDiesDoesNotStrandAnother) {
  Persistent<Registry> dying(NewRegistry());
  const Persistent<Registry> living(NewRegistry());
  for (int i = 0; i < 5; i++) {
    RegisterDoomed(*dying, 100 + i);
    RegisterDoomed(*living, i);
  }
  dying = nullptr;
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_THAT(calls, ::testing::UnorderedElementsAre(0, 1, 2, 3, 4));
}

TEST_F(RegistryLifetimeTest, InACycleWithItsTargetDiesWithIt) {
  WeakPersistent<Registry> weak;
  NoInline([&] {
    auto* const target = Make<Node>();
    target->registry = NewRegistry();
    weak = target->registry.get();
    ASSERT_TRUE(target->registry->Register(target, 1).ok());
  });
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
  EXPECT_THAT(calls, IsEmpty());
}

TEST_F(RegistryLifetimeTest, HeldInACycleByAHeldValueDies) {
  struct Held {
    Member<FinalizationRegistry<Held>> registry;
  };
  WeakPersistent<FinalizationRegistry<Held>> weak;
  const Persistent<Node> target(Make<Node>());
  NoInline([&] {
    auto* const registry = Make<FinalizationRegistry<Held>>([](Held) { ADD_FAILURE(); });
    weak = registry;
    ASSERT_TRUE(registry->Register(target, Held{registry}).ok());
  });
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
  EXPECT_EQ(heap().Stats().records_dropped, 1u);
}

TEST_F(RegistryLifetimeTest, AsItsOwnTargetAndTokenDiesQuietly) {
  WeakPersistent<Registry> weak;
  NoInline([&] {
    auto* const registry = NewRegistry();
    weak = registry;
    ASSERT_TRUE(registry->Register(registry, 1, registry).ok());
    ASSERT_TRUE(registry->Register(registry, 2).ok());
    EXPECT_TRUE(*registry->Unregister(registry));
    ASSERT_TRUE(registry->Register(registry, 3, registry).ok());
  });
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
  EXPECT_THAT(calls, IsEmpty());
  const HeapStats stats = heap().Stats();
  EXPECT_EQ(stats.records_cancelled, 1u);
  EXPECT_EQ(stats.records_dropped, 2u);
}

TEST_F(RegistryLifetimeTest, MayBeATargetOfAnother) {
  const Persistent<Registry> outer(NewRegistry());
  NoInline([&] {
    auto* const inner = NewRegistry();
    ASSERT_TRUE(outer->Register(inner, 1).ok());
    RegisterDoomed(*inner, 2);
  });
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_THAT(calls, ElementsAre(1));
}

TEST_F(RegistryLifetimeTest, TwoThatWatchEachOtherDieTogether) {
  WeakPersistent<Registry> first;
  WeakPersistent<Registry> second;
  NoInline([&] {
    auto* const a = NewRegistry();
    auto* const b = NewRegistry();
    ASSERT_TRUE(a->Register(b, 1).ok());
    ASSERT_TRUE(b->Register(a, 2).ok());
    first = a;
    second = b;
  });
  CollectPrecisely();
  EXPECT_EQ(first.Get(), nullptr);
  EXPECT_EQ(second.Get(), nullptr);
  EXPECT_THAT(calls, IsEmpty());
}

TEST_F(RegistryLifetimeTest, CleanupThatCapturesItKeepsIt) {
  WeakPersistent<Registry> weak;
  auto self = std::make_shared<Persistent<Registry>>();
  NoInline([&] {
    *self = Make<Registry>([self](int) {});
    weak = self->get();
  });
  CollectPrecisely();
  EXPECT_TRUE(NoInline([&] { return weak.Get() != nullptr; }));
  *self = nullptr;
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
}

TEST_F(RegistryLifetimeTest, DeathReleasesTheCleanupAndOnReady) {
  auto sentinel = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = sentinel;
  NoInline([&] { Make<Registry>([sentinel](int) {}); });
  RegistryOptions options;
  options.on_ready = [sentinel] {};
  NoInline([&] { Make<Registry>([](int) {}, std::move(options)); });
  options = {};
  sentinel = nullptr;
  EXPECT_FALSE(watch.expired());
  CollectPrecisely();
  EXPECT_TRUE(watch.expired());
}

TEST_F(RegistryLifetimeTest, WhatTheCleanupCapturesMayUseItsRegistrationsWhenItDies) {
  struct Canceller {
    ~Canceller() { registration.Cancel(); }
    Registration registration;
  };
  NoInline([&] {
    auto canceller = std::make_shared<Canceller>();
    auto* const registry = Make<Registry>([canceller](int) {});
    canceller->registration = *registry->Track(Make<Node>(), 1);
  });
  CollectPrecisely();
  EXPECT_EQ(heap().Stats().records_dropped, 1u);
}

// No safepoint comes for a registry that has nothing to run.
TEST_F(RegistryLifetimeTest, RecordsCancelledWhileQueuedDoNotPileUp) {
  using Large = FinalizationRegistry<std::array<char, 1000>>;
  const Persistent<Large> registry(Make<Large>([](const std::array<char, 1000>&) {}));
  const auto cancel_one = [&] {
    Registration registration;
    NoInline([&] { registration = *registry->Track(Make<Node>(), {}); });
    CollectPrecisely();
    ASSERT_EQ(heap().Stats().records_queued, heap().Stats().records_cancelled + 1);
    EXPECT_TRUE(registration.Cancel());
  };
  cancel_one();
  const std::uint64_t before = heap().Stats().heap_bytes;
  for (int i = 0; i < 200; i++) cancel_one();
  EXPECT_LE(heap().Stats().heap_bytes, before + 50'000);
}

TEST_F(RegistryLifetimeTest, HeapsEndDropsWhatIsQueuedAndRunsNothing) {
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  bool called = false;
  Detach();
  {
    using Shared = FinalizationRegistry<std::shared_ptr<int>>;
    Heap short_lived(TestOptions());
    Mutator attached(short_lived);
    const Persistent<Shared> registry(
        Make<Shared>([&](const std::shared_ptr<int>&) { called = true; }));
    const Persistent<Node> living(Make<Node>());
    NoInline([&] {
      for (int i = 0; i < 5; i++) ASSERT_TRUE(registry->Register(Make<Node>(), held).ok());
      ASSERT_TRUE(registry->Register(living, std::move(held)).ok());
    });
    short_lived.Collect(StackState::kNoPointers);
    EXPECT_EQ(short_lived.Stats().records_queued, 5u);
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
  EXPECT_FALSE(called);
}

// The collector decides after the flip whether a registry is a root: what is queued for it at that
// moment must not be lost.
TEST_F(RegistryLifetimeTest, LastHandleDroppedAtEachStep) {
  for (int i = 0; i <= static_cast<int>(CycleStep::kSwept); i++) {
    calls.clear();
    const auto step = static_cast<CycleStep>(i);
    Heap precise(TestOptions({.conservative_stacks = false}));
    Detach();
    std::optional<Mutator> attached(precise);
    Persistent<Registry> registry(NewRegistry());
    ASSERT_TRUE(registry->Register(Make<Node>(), 7).ok());
    WeakPersistent<Registry> weak = registry.get();
    {
      CycleStepper stepper(precise);
      stepper.AdvanceTo(step);
      registry = nullptr;
    }
    attached->Safepoint();
    precise.Collect();
    precise.Collect();
    // A slot's or handle's old value is shaded: before the flip it is alive for this cycle.
    EXPECT_THAT(calls, ElementsAre(7)) << i;
    EXPECT_EQ(weak.Get(), nullptr) << i;
    const HeapStats stats = precise.Stats();
    EXPECT_EQ(stats.records_delivered, 1u) << i;
    EXPECT_EQ(stats.records_dropped, 0u) << i;
  }
}

// Found by nobody but its own queue, and brought back by a weak read.
TEST_F(RegistryLifetimeTest, MayBeBroughtBackByAWeakRead) {
  Heap precise(TestOptions({.conservative_stacks = false}));
  Detach();
  Mutator attached(precise);
  Persistent<Registry> registry(NewRegistry());
  WeakPersistent<Registry> weak = registry.get();
  ASSERT_TRUE(registry->Register(Make<Node>(), 1).ok());
  registry = nullptr;
  CycleStepper stepper(precise);
  stepper.AdvanceTo(CycleStep::kMarked);
  registry = weak.Get();
  ASSERT_NE(registry.get(), nullptr);
  ASSERT_TRUE(registry->Register(Make<Node>(), 2).ok());
  stepper.FinishCycle();
  attached.Safepoint();
  EXPECT_THAT(calls, ElementsAre(1));
  precise.Collect();
  attached.Safepoint();
  EXPECT_THAT(calls, ElementsAre(1, 2));
}

// What on_ready captures may do anything when it is destroyed; the registry dies first, in a sweep,
// while a list of its mutator still names it.
TEST_F(RegistryLifetimeTest, WhatOnReadyCapturesIsDestroyedWithoutALock) {
  class OtherMutator {
   public:
    explicit OtherMutator(Heap& heap) : heap_(heap) {}
    OtherMutator(const OtherMutator&) = delete;
    OtherMutator& operator=(const OtherMutator&) = delete;
    ~OtherMutator() {
      std::thread([this] { const Mutator mutator(heap_); }).join();
    }

   private:
    Heap& heap_;
  };
  auto captured = std::make_shared<OtherMutator>(heap());
  const std::weak_ptr<OtherMutator> observed = captured;
  Persistent<Registry> registry;
  NoInline([&] {
    RegistryOptions options;
    options.on_ready = [captured = std::move(captured)] {};
    registry = Make<Registry>([this](int held) { calls.push_back(held); }, std::move(options));
    RegisterDoomed(*registry, 1);
  });
  Collect();
  NoInline([&] { registry->CleanupSome(); });
  ASSERT_THAT(calls, ElementsAre(1));
  registry = nullptr;
  Collect();
  mutator().Safepoint();
  EXPECT_TRUE(observed.expired());
}

}  // namespace
}  // namespace elegy::test
