// WeakCache with a budget: the objects used last stay although nobody else holds them.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/actor.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;

struct Pixels {
  std::size_t bytes = 0;  // outside the heap
};
using Cache = WeakCache<std::string, Pixels>;
using Options = WeakCacheOptions<Pixels>;

constexpr std::size_t kBudget = 1000;

Options ByPixels() {
  return {.budget_bytes = kBudget, .bytes_of = [](const Pixels& pixels) { return pixels.bytes; }};
}

void Load(Cache* cache, const std::string& key, std::size_t bytes) {
  cache->GetOrMake(key, [bytes](const std::string&) { return Make<Pixels>(bytes); });
}

// Only handles are roots.
class WeakCacheBudgetTest : public HeapTest {
 public:
  WeakCacheBudgetTest() : HeapTest({.conservative_stacks = false}) {}

  // The letters of the keys whose objects are alive, after a collection.
  std::string Left(Cache* from, std::string_view keys) {
    CollectPrecisely();
    std::string left;
    for (const char key : keys) {
      if (from->Get(std::string(1, key)) != nullptr) left += key;
    }
    EXPECT_EQ(from->size(), left.size());
    return left;
  }

  const Persistent<Cache> cache{Make<Cache>(ByPixels())};
};

TEST_F(WeakCacheBudgetTest, WithoutABudgetNothingStays) {
  const Persistent<Cache> plain(Make<Cache>());
  Load(plain, "a", 0);
  EXPECT_EQ(Left(plain, "a"), "");
}

TEST_F(WeakCacheBudgetTest, WhatFitsTheBudgetStays) {
  Load(cache, "a", 600);
  Load(cache, "b", 400);
  EXPECT_EQ(Left(cache, "ab"), "ab");
  EXPECT_EQ(Left(cache, "ab"), "ab");
}

TEST_F(WeakCacheBudgetTest, TheOldestMakesRoomForTheNewest) {
  Load(cache, "a", 600);
  Load(cache, "b", 400);
  Load(cache, "c", 1);
  EXPECT_EQ(Left(cache, "abc"), "bc");
  Load(cache, "d", 999);
  EXPECT_EQ(Left(cache, "abcd"), "cd");
  Load(cache, "e", 1000);
  EXPECT_EQ(Left(cache, "abcde"), "e");
}

TEST_F(WeakCacheBudgetTest, UseMakesAnObjectTheNewest) {
  Load(cache, "a", 400);
  Load(cache, "b", 400);
  EXPECT_NE(cache->Get("a"), nullptr);
  Load(cache, "c", 400);
  EXPECT_EQ(Left(cache, "abc"), "ac");
  Load(cache, "a", 0);  // is there
  Load(cache, "d", 400);
  EXPECT_EQ(Left(cache, "acd"), "ad");
}

TEST_F(WeakCacheBudgetTest, UseOfTheMiddleOneKeepsTheOthersOrder) {
  Load(cache, "a", 300);
  Load(cache, "b", 300);
  Load(cache, "c", 300);
  EXPECT_NE(cache->Get("b"), nullptr);
  Load(cache, "d", 700);
  EXPECT_EQ(Left(cache, "abcd"), "bd");
}

TEST_F(WeakCacheBudgetTest, AnObjectLargerThanTheBudgetIsNotHeldAndDrivesNothingOut) {
  Load(cache, "a", 1000);
  Load(cache, "b", 1001);
  EXPECT_EQ(Left(cache, "ab"), "a");
}

TEST_F(WeakCacheBudgetTest, WhatOthersHoldComesBackIntoTheBudgetWhenUsed) {
  Load(cache, "a", 600);
  Persistent<Pixels> a(cache->Get("a"));
  Load(cache, "b", 600);
  EXPECT_NE(cache->Get("a"), nullptr);
  a = nullptr;
  EXPECT_EQ(Left(cache, "ab"), "a");
}

TEST_F(WeakCacheBudgetTest, AnObjectsOwnSizeCountsIfNobodySaysMore) {
  using Arrays = WeakCache<int, Array<char>>;
  constexpr std::size_t kBytes = 1 << 20;
  const Persistent<Arrays> arrays(
      Make<Arrays>(WeakCacheOptions<Array<char>>{.budget_bytes = 3 * kBytes, .bytes_of = nullptr}));
  for (int key = 0; key < 8; key++) {
    arrays->GetOrMake(key, [](int) { return MakeArray<char>(kBytes - 64); });
  }
  CollectPrecisely();
  EXPECT_EQ(arrays->size(), 3u);
  EXPECT_EQ(arrays->Get(0), nullptr);
  EXPECT_NE(arrays->Get(7), nullptr);
}

TEST_F(WeakCacheBudgetTest, ADeadCacheHoldsNothing) {
  FinalizationRegistry<int>* const registry = Make<FinalizationRegistry<int>>([](int) {});
  const Persistent kept(registry);
  NoInline([&] {
    Cache* const dying = Make<Cache>(ByPixels());
    const Persistent hold(dying);
    Load(dying, "a", 1);
    ASSERT_TRUE(kept->Register(dying->Get("a"), 1).ok());
  });
  CollectPrecisely();
  EXPECT_EQ(kept->CleanupSome(), 1u);
}

TEST_F(WeakCacheBudgetTest, AShutdownThatDeliversAllTakesAlsoWhatIsHeld) {
  const Persistent registry(Make<FinalizationRegistry<int>>([](int) {}));
  Load(cache, "a", 100);
  Load(cache, "b", 100);
  ASSERT_TRUE(registry->Register(cache->Get("a"), 1).ok());
  mutator().EndTurn();
  EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverAll), 1u);
  EXPECT_EQ(Left(cache, "ab"), "b");
  Load(cache, "a", 900);
  EXPECT_EQ(Left(cache, "ab"), "ab");
}

// ---- while a cycle marks ----

TEST_F(WeakCacheBudgetTest, WhatEntersWhileMarkingStays) {
  for (const CycleStep step : {CycleStep::kBarrierOn, CycleStep::kStacksScanned, CycleStep::kMarked,
                               CycleStep::kFlipped, CycleStep::kSwept}) {
    CycleStepper stepper(heap());
    Load(cache, "old", 500);
    stepper.AdvanceTo(step);
    Load(cache, "new", 500);
    mutator().EndTurn();
    stepper.FinishCycle();
    EXPECT_NE(cache->Get("old"), nullptr);
    EXPECT_NE(cache->Get("new"), nullptr);
    Load(cache, "other", 1000);  // drives both out
    mutator().EndTurn();
    stepper.FinishCycle();
    CollectPrecisely();
    EXPECT_EQ(cache->size(), 1u);
  }
}

// A mutator whose stack has not been scanned puts a white object into a cache that another one has
// made since its own scan, so that the cache is black; then it has only the cache.
TEST(WeakCacheInsertionTest, AnObjectPutIntoABlackCacheStays) {
  Heap heap(TestOptions());
  Actor scanned(heap);
  Actor unscanned(heap);
  Persistent<Cache> cache;
  Pixels* object = nullptr;  // no root: of the test's thread, which is not attached
  unscanned.Do([&] { object = Make<Pixels>(std::size_t{100}); });
  unscanned.StandStill();
  const std::uint64_t first = Answers(heap, 1);
  const std::uint64_t second = Answers(heap, 2);
  heap.RequestCollection();
  // Handshake 1 asks each of the two twice.
  for (std::uint64_t i = 1; i <= 2; i++) {
    AwaitAnswers(heap, 1, first + 2 * i - 1);
    unscanned.Do([] { Mutator::Current().Safepoint(); });
  }
  AwaitAnswers(heap, 2, second + 1);
  scanned.Do([&] { cache = Make<Cache>(ByPixels()); });
  unscanned.Do([&] {
    cache->GetOrMake("key", [&](const std::string&) { return std::exchange(object, nullptr); });
  });
  unscanned.Poll();
  heap.Collect();
  scanned.Do([&] {
    const Pixels* const found = cache->Get("key");
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->bytes, 100u);
  });
}

}  // namespace
}  // namespace elegy::test
