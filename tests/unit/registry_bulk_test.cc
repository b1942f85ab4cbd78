// Many records at once.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "src/mutator/mutator_impl.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;

// More than the queue's fixed part has room for: 64 batches of 256.
constexpr int kMany = 64 * 256 * 3 + 77;

struct Leaf {
  int value = 0;
};

// Throws in the move that brings the count to zero.
class Fragile {
 public:
  explicit Fragile(int& moves_left) : moves_left_(&moves_left) {}
  Fragile(Fragile&& other) : moves_left_(other.moves_left_) {
    if (--*moves_left_ == 0) throw std::runtime_error("move");
  }

 private:
  int* moves_left_;
};

}  // namespace
}  // namespace elegy::test

template <>
inline constexpr bool elegy::kHasNoSlots<elegy::test::Fragile> = true;

namespace elegy::test {
namespace {

class RegistryBulkTest : public HeapTest {
 public:
  RegistryBulkTest()
      : registry(Make<FinalizationRegistry<int>>([this](int held) {
          ran++;
          if (held < static_cast<int>(delivered.size())) delivered[held]++;
          if (throw_every != 0 && ran % throw_every == 0) throw std::runtime_error("callback");
        })) {}

  // Registers as many doomed targets, of this number on.
  void RegisterDoomed(int first, int count) {
    NoInline([&] {
      for (int i = first; i < first + count; i++) {
        ASSERT_TRUE(registry->Register(Make<Leaf>(), i).ok());
      }
    });
    delivered.resize(first + count);
  }
  void Collect() { heap().Collect(StackState::kNoPointers); }
  void ExpectEachOnce() {
    for (std::size_t i = 0; i < delivered.size(); i++) ASSERT_EQ(delivered[i], 1) << i;
    const HeapStats stats = heap().Stats();
    EXPECT_EQ(stats.records_delivered, delivered.size());
    EXPECT_EQ(stats.records_queued, delivered.size());
  }

  std::vector<std::uint8_t> delivered;
  int ran = 0;
  int throw_every = 0;
  const Persistent<FinalizationRegistry<int>> registry;
};

TEST_F(RegistryBulkTest, MoreThanTheQueueHasRoomForAreEachDeliveredOnce) {
  RegisterDoomed(0, kMany);
  Collect();
  mutator().Safepoint();
  ExpectEachOnce();
}

TEST_F(RegistryBulkTest, InManySmallDrains) {
  RegisterDoomed(0, kMany);
  Collect();
  std::size_t sum = 0;
  for (std::size_t some = 1; some != 0; sum += some) some = mutator().DrainFinalization(997);
  EXPECT_EQ(sum, static_cast<std::size_t>(kMany));
  ExpectEachOnce();
}

TEST_F(RegistryBulkTest, QueuedByManyCyclesWithoutADrain) {
  constexpr int kCycles = 80;
  for (int i = 0; i < kCycles; i++) {
    RegisterDoomed(i * 300, 300);
    Collect();
  }
  EXPECT_EQ(ran, 0);
  mutator().Safepoint();
  ExpectEachOnce();
}

TEST_F(RegistryBulkTest, QueuedWhileOthersAreDrained) {
  constexpr int kCycles = 20;
  for (int i = 0; i < kCycles; i++) {
    RegisterDoomed(i * 2000, 2000);
    Collect();
    mutator().DrainFinalization(1500);
  }
  mutator().Safepoint();
  ExpectEachOnce();
}

TEST_F(RegistryBulkTest, WithExceptionsInBetween) {
  throw_every = 1000;
  RegisterDoomed(0, kMany);
  Collect();
  int thrown = 0;
  for (bool going_on = true; going_on;) {
    try {
      mutator().Safepoint();
      going_on = false;
    } catch (const std::runtime_error&) {
      thrown++;
    }
  }
  EXPECT_EQ(thrown, kMany / 1000);
  ExpectEachOnce();
}

TEST_F(RegistryBulkTest, HalfOfThemCancelledWhileQueued) {
  const Persistent<Leaf> even(Make<Leaf>());
  const Persistent<Leaf> odd(Make<Leaf>());
  NoInline([&] {
    for (int i = 0; i < kMany; i++) {
      ASSERT_TRUE(registry->Register(Make<Leaf>(), i, i % 2 == 0 ? even : odd).ok());
    }
  });
  delivered.resize(kMany);
  Collect();
  EXPECT_TRUE(*registry->Unregister(even));
  mutator().Safepoint();
  for (int i = 0; i < kMany; i++) ASSERT_EQ(delivered[i], i % 2) << i;
  const HeapStats stats = heap().Stats();
  EXPECT_EQ(stats.records_cancelled + stats.records_delivered, stats.records_registered);
  // The cancelled ones' places are taken again.
  RegisterDoomed(kMany, kMany);
  CollectPrecisely();
  mutator().Safepoint();
  for (int i = kMany; i < 2 * kMany; i++) ASSERT_EQ(delivered[i], 1) << i;
}

TEST_F(RegistryBulkTest, MillionRecordsInOneCycle) {
  constexpr int kMillion = 1'000'000;
  RegisterDoomed(0, kMillion);
  CollectPrecisely();
  mutator().Safepoint();
  for (int i = 0; i < kMillion; i++) ASSERT_EQ(delivered[i], 1) << i;
}

TEST_F(RegistryBulkTest, ManyRegistrationsOfOneTarget) {
  Persistent<Leaf> target(Make<Leaf>());
  for (int i = 0; i < kMany; i++) ASSERT_TRUE(registry->Register(target, i).ok());
  delivered.resize(kMany);
  CollectPrecisely();
  EXPECT_EQ(mutator().DrainFinalization(), 0u);
  target = nullptr;
  CollectPrecisely();
  mutator().Safepoint();
  ExpectEachOnce();
}

TEST_F(RegistryBulkTest, ManyRegistriesOfAFewRecords) {
  constexpr int kRegistries = 3000;
  std::vector<Persistent<FinalizationRegistry<int>>> registries;
  delivered.resize(kRegistries * 2);
  for (int i = 0; i < kRegistries; i++) {
    registries.push_back(Make<FinalizationRegistry<int>>([this](int held) { delivered[held]++; }));
    NoInline([&] {
      ASSERT_TRUE(registries[i]->Register(Make<Leaf>(), 2 * i).ok());
      ASSERT_TRUE(registries[i]->Register(Make<Leaf>(), 2 * i + 1).ok());
    });
  }
  CollectPrecisely();
  mutator().Safepoint();
  ExpectEachOnce();
}

// A registry that has been drained without a safepoint is still on its home's list, once.
TEST_F(RegistryBulkTest, ARegistryThatBecomesReadyOftenIsListedOnce) {
  constexpr std::size_t kRegistries = 100;
  constexpr int kRounds = 50;
  std::vector<Persistent<FinalizationRegistry<int>>> registries;
  for (std::size_t i = 0; i < kRegistries; i++) {
    registries.push_back(Make<FinalizationRegistry<int>>([](int) {}));
  }
  for (int round = 0; round < kRounds; round++) {
    NoInline([&] {
      for (const auto& each : registries) ASSERT_TRUE(each->Register(Make<Leaf>(), 1).ok());
    });
    Collect();
    for (const auto& each : registries) ASSERT_EQ(each->CleanupSome(), 1u);
  }
  internal::MutatorImpl& impl = internal::CurrentImpl();
  const internal::MutexLock lock(impl.state.ready_mutex);
  EXPECT_EQ(impl.ready.size(), kRegistries);
}

TEST_F(RegistryBulkTest, HeapsEndWithAFullQueue) {
  using Shared = FinalizationRegistry<std::shared_ptr<int>>;
  auto held = std::make_shared<int>(1);
  Detach();
  {
    Heap short_lived(TestOptions());
    Mutator attached(short_lived);
    const Persistent<Shared> its(Make<Shared>([](const std::shared_ptr<int>&) { ADD_FAILURE(); }));
    NoInline([&] {
      for (int i = 0; i < kMany; i++) ASSERT_TRUE(its->Register(Make<Leaf>(), held).ok());
    });
    short_lived.Collect(StackState::kNoPointers);
    EXPECT_EQ(short_lived.Stats().records_queued, static_cast<std::uint64_t>(kMany));
    EXPECT_EQ(held.use_count(), kMany + 1);
  }
  EXPECT_EQ(held.use_count(), 1);
}

// A drain while the collector is held between two steps: it takes what is there and does not wait.
TEST_F(RegistryBulkTest, DrainsAtEveryStepOfTheNextCycle) {
  RegisterDoomed(0, 7 * 300);
  Collect();
  std::size_t sum = 0;
  {
    CycleStepper stepper(heap());
    for (int i = 0; i <= static_cast<int>(CycleStep::kSwept); i++) {
      stepper.AdvanceTo(static_cast<CycleStep>(i));
      sum += mutator().DrainFinalization(300);
    }
  }
  EXPECT_EQ(sum, 7u * 300);
  ExpectEachOnce();
}

// The first move is on the stack, the second into the record.
TEST_F(RegistryBulkTest, ValuesThatDoNotGetIntoTheirRecordsTakeNoMemory) {
  const Persistent<FinalizationRegistry<Fragile>> fragile(
      Make<FinalizationRegistry<Fragile>>([](const Fragile&) {}));
  const Persistent<Leaf> target(Make<Leaf>());
  int moves_left = 1000;
  ASSERT_TRUE(fragile->Register(target, Fragile(moves_left)).ok());
  const std::size_t before = heap().Stats().heap_bytes;
  for (int i = 0; i < 10'000; i++) {
    moves_left = 2;
    EXPECT_THROW(static_cast<void>(fragile->Register(target, Fragile(moves_left))),
                 std::runtime_error);
  }
  EXPECT_EQ(heap().Stats().heap_bytes, before);
  EXPECT_EQ(heap().Stats().records_registered, 1u);
}

}  // namespace
}  // namespace elegy::test
