// WeakCache: one object for a key as long as somebody holds it, and a new one at once when it has
// died, whatever the factory does and wherever the collector is.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;

struct Node {
  int value = 0;
};
using Cache = WeakCache<std::string, Node>;

Node* MakeOne(const std::string&) { return Make<Node>(1); }
Node* MakeTwo(const std::string&) { return Make<Node>(2); }
Node* MakeNone(const std::string&) { return nullptr; }
Node* Throw(const std::string&) { throw std::runtime_error("no such photo"); }
Node* MustNotMake(const std::string& key) {
  ADD_FAILURE() << key << " is made although it is there";
  return nullptr;
}

// Only handles are roots.
class WeakCacheTest : public HeapTest {
 public:
  WeakCacheTest() : HeapTest({.conservative_stacks = false}) {}

  const Persistent<Cache> cache{Make<Cache>()};
};

TEST_F(WeakCacheTest, FactoryRunsOnceWhileTheObjectIsHeld) {
  const Persistent<Node> node(cache->GetOrMake("key", MakeOne));
  EXPECT_EQ(cache->GetOrMake("key", MustNotMake), node);
  CollectPrecisely();
  EXPECT_EQ(cache->GetOrMake("key", MustNotMake), node);
  EXPECT_EQ(cache->size(), 1u);
}

TEST_F(WeakCacheTest, KeysAreApart) {
  const Persistent<Node> one(cache->GetOrMake("one", MakeOne));
  Persistent<Node> two(cache->GetOrMake("two", MakeTwo));
  EXPECT_NE(one, two);
  two = nullptr;
  CollectPrecisely();
  EXPECT_EQ(cache->Get("one"), one);
  EXPECT_EQ(cache->Get("two"), nullptr);
  EXPECT_EQ(cache->size(), 1u);
}

TEST_F(WeakCacheTest, FactoryThatThrowsLeavesNothingBehind) {
  EXPECT_THROW(cache->GetOrMake("key", Throw), std::runtime_error);
  EXPECT_EQ(cache->size(), 0u);
  EXPECT_EQ(cache->Get("key"), nullptr);
  const Persistent<Node> node(cache->GetOrMake("key", MakeOne));
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(cache->GetOrMake("key", Throw), node) << "a factory that is not needed ran";
}

TEST_F(WeakCacheTest, NullIsNotCached) {
  EXPECT_EQ(cache->GetOrMake("key", MakeNone), nullptr);
  EXPECT_EQ(cache->size(), 0u);
  const Persistent<Node> node(cache->GetOrMake("key", MakeOne));
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(cache->Get("key"), node);
}

TEST_F(WeakCacheTest, WhoIsFirstWhileTheFactoryRunsWins) {
  Persistent<Node> first;
  Node* const got = cache->GetOrMake("key", [&](const std::string& key) {
    first = cache->GetOrMake(key, MakeOne);
    return MakeTwo(key);
  });
  EXPECT_EQ(got, first);
  EXPECT_EQ(got->value, 1);
  EXPECT_EQ(cache->Get("key"), first);
  EXPECT_EQ(cache->size(), 1u);
}

TEST_F(WeakCacheTest, FactoryThatThrowsLeavesWhatAnotherHasMade) {
  Persistent<Node> first;
  const auto factory = [&](const std::string& key) {
    first = cache->GetOrMake(key, MakeOne);
    return Throw(key);
  };
  EXPECT_THROW(cache->GetOrMake("key", factory), std::runtime_error);
  EXPECT_EQ(cache->Get("key"), first);
}

TEST_F(WeakCacheTest, ThreadsThatAskAtOnceGetOneObject) {
  constexpr int kThreads = 4;
  constexpr std::size_t kKeys = 50;
  std::array<std::array<Persistent<Node>, kKeys>, kThreads> got;
  std::atomic<int> arrived{0};
  std::atomic<std::size_t> made{0};
  {
    const BlockingRegion region(mutator());
    RunThreads(kThreads, [&](int thread) {
      Mutator own(heap());
      for (arrived++; arrived < kThreads; std::this_thread::yield()) own.Safepoint();
      for (std::size_t i = 0; i < kKeys; i++) {
        got[thread][i] = cache->GetOrMake(std::to_string(i), [&](const std::string&) {
          made++;
          std::this_thread::yield();  // the others are here, too
          return Make<Node>(thread);
        });
      }
    });
  }
  for (std::size_t i = 0; i < kKeys; i++) {
    Node* const object = got[0][i];
    ASSERT_NE(object, nullptr);
    for (const auto& row : got) EXPECT_EQ(row[i], object) << i;
    EXPECT_EQ(cache->GetOrMake(std::to_string(i), MustNotMake), object);
  }
  EXPECT_EQ(cache->size(), kKeys);
  EXPECT_EQ(made, kKeys) << "the others should have waited";
}

// ---- entries made anew while a cycle clears ----

class WeakCacheStepTest : public WeakCacheTest, public ::testing::WithParamInterface<CycleStep> {};

INSTANTIATE_TEST_SUITE_P(Steps, WeakCacheStepTest,
                         ::testing::Values(CycleStep::kFlipped, CycleStep::kCellsCleared,
                                           CycleStep::kRecordsQueued, CycleStep::kSwept));

TEST_P(WeakCacheStepTest, EntryMadeAnewSurvivesTheClearingOfTheOldOne) {
  cache->GetOrMake("key", MakeOne);
  cache->GetOrMake("other", MakeOne);
  mutator().EndTurn();
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  EXPECT_EQ(cache->Get("key"), nullptr);
  EXPECT_EQ(cache->size(), 0u);
  Persistent<Node> anew(cache->GetOrMake("key", MakeTwo));
  EXPECT_EQ(anew->value, 2);
  EXPECT_EQ(cache->size(), 1u);
  stepper.FinishCycle();
  EXPECT_EQ(cache->GetOrMake("key", MustNotMake), anew);
  EXPECT_EQ(cache->Get("other"), nullptr);
  EXPECT_EQ(cache->size(), 1u);
  stepper.AdvanceTo(CycleStep::kSwept);
  stepper.FinishCycle();
  EXPECT_EQ(cache->GetOrMake("key", MustNotMake), anew);
  anew = nullptr;
  stepper.AdvanceTo(CycleStep::kSwept);
  EXPECT_EQ(cache->Get("key"), nullptr);
  EXPECT_EQ(cache->size(), 0u);
}

TEST_P(WeakCacheStepTest, FactoryThatThrowsLeavesTheDeadEntryToTheClearing) {
  cache->GetOrMake("key", MakeOne);
  mutator().EndTurn();
  CycleStepper stepper(heap());
  stepper.AdvanceTo(GetParam());
  EXPECT_THROW(cache->GetOrMake("key", Throw), std::runtime_error);
  EXPECT_EQ(cache->size(), 0u);
  stepper.FinishCycle();
  EXPECT_EQ(cache->size(), 0u);
  const Persistent<Node> anew(cache->GetOrMake("key", MakeTwo));
  EXPECT_EQ(cache->Get("key"), anew);
  EXPECT_EQ(cache->size(), 1u);
}

// The flight ends under the key that it began with.
TEST_F(WeakCacheTest, AFactoryMayChangeTheCallersKey) {
  std::string key = "one";
  const Persistent<Node> node = cache->GetOrMake(key, [&](const std::string&) {
    key = "two";
    return Make<Node>(1);
  });
  EXPECT_EQ(cache->Get("one"), node);
  EXPECT_EQ(cache->Get("two"), nullptr);
  EXPECT_EQ(cache->GetOrMake("one", MustNotMake), node);
  EXPECT_EQ(cache->GetOrMake("two", MakeTwo)->value, 2);
}

// What it has once had, it does not keep.
TEST_F(WeakCacheTest, GivesMemoryBackWhenMostOfItHasDied) {
  constexpr int kMany = 20'000;
  const std::uint64_t empty = heap().Stats().heap_bytes;
  const Persistent<Node> first(cache->GetOrMake("first", MakeOne));
  {
    const Persistent<Array<Member<Node>>> nodes(MakeArray<Member<Node>>(kMany));
    for (int i = 0; i < kMany; i++) (*nodes)[i] = cache->GetOrMake(std::to_string(i), MakeOne);
    CollectPrecisely();
    EXPECT_EQ(cache->size(), kMany + 1u);
    EXPECT_GT(heap().Stats().heap_bytes, empty + kMany * sizeof(std::string));
  }
  CollectPrecisely();
  CollectPrecisely();
  EXPECT_EQ(cache->size(), 1u);
  EXPECT_LT(heap().Stats().heap_bytes, empty + (kMany / 4) * sizeof(std::string));
  EXPECT_EQ(cache->GetOrMake("first", MustNotMake), first);
  for (int i = 0; i < kMany; i++) cache->GetOrMake(std::to_string(i), MakeTwo);
  EXPECT_EQ(cache->GetOrMake("first", MustNotMake), first);
}

}  // namespace
}  // namespace elegy::test
