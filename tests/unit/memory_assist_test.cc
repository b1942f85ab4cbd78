// What a mutator does for a collector that cannot keep up: a bounded part of its marking.

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "src/mutator/mutator_impl.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

thread_local std::uint64_t yields = 0;

}  // namespace
}  // namespace elegy::test

// In the C library's place, for the whole process.
extern "C" int sched_yield() noexcept {
  elegy::test::yields++;
  return static_cast<int>(syscall(SYS_sched_yield));
}

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

thread_local bool is_mutator = false;
std::size_t traced_by_mutator = 0;
std::size_t values_traced_by_mutator = 0;
std::atomic<bool> collector_may_go_on{false};
std::atomic<bool> collector_stays{false};

// The collector's thread stays at the first element that it gets, and leaves the rest to others.
struct Element {
  Member<Array<char>> to;
  void Trace(Visitor& visitor) const {
    if (is_mutator) {
      traced_by_mutator++;
    } else if (!collector_may_go_on) {
      collector_stays = true;
      while (!collector_may_go_on) std::this_thread::yield();
    }
    visitor.Trace(to);
  }
};

// A value of an entry, right until it is destroyed.
struct Value {
  Canary canary{1};
  ~Value() { canary.Kill(); }
  void Trace(Visitor&) const {
    if (is_mutator) values_traced_by_mutator++;
  }
};

struct Small {
  std::array<std::int64_t, 8> values = {};
};

class MemoryAssistTest : public HeapTest {
 public:
  // Only handles are roots: no stale word leads to what the collector is to come to by itself.
  MemoryAssistTest() : HeapTest({.initial_heap_bytes = 1 << 20, .conservative_stacks = false}) {}

  // Makes objects until a cycle has begun and the collector stays at an element, with all roots
  // handed out: slowly, for what is past the goal is paid for with elements.
  void AllocateUntilTheCollectorStays() {
    is_mutator = true;
    std::atomic<bool> has_begun{false};
    heap().SetObserver([&has_begun](const HeapEvent& event) {
      if (event.kind == HeapEvent::Kind::kCycleStarted) has_begun = true;
    });
    collector_stays = false;
    collector_may_go_on = false;
    for (int i = 0; i < 500'000 && !collector_stays;) {
      Make<Small>();
      if (!has_begun) continue;  // the collector's thread may wait for a core
      if (++i % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    heap().SetObserver(nullptr);
    ASSERT_TRUE(collector_stays);
    traced_by_mutator = 0;
  }
};

TEST_F(MemoryAssistTest, OneAllocationTracesABoundedPartOfALargeArray) {
  constexpr std::size_t kElements = 4 << 20;
  constexpr std::size_t kBound = 16 << 10;
  constexpr int kEnough = 20;
  is_mutator = true;
  collector_may_go_on = true;
  const Persistent<Array<Element>> array(MakeArray<Element>(kElements));
  CollectPrecisely();
  AllocateUntilTheCollectorStays();
  int assisted = 0;
  std::size_t most = 0;
  for (int i = 0; i < 10'000 && assisted < kEnough; i++) {
    traced_by_mutator = 0;
    MakeArray<char>(4 << 10);
    assisted += traced_by_mutator > 0 ? 1 : 0;
    most = std::max(most, traced_by_mutator);
  }
  collector_may_go_on = true;
  EXPECT_EQ(assisted, kEnough);
  EXPECT_LE(most, kBound);
}

// Small objects: what a block costs is paid in parts, with each word of its cells.
TEST_F(MemoryAssistTest, OneAllocationOfASmallObjectTracesAPartOfWhatItsBlockCosts) {
  constexpr std::size_t kElements = 20'000;
  constexpr std::size_t kBound = 256;
  constexpr int kEnough = 20;
  is_mutator = true;
  collector_may_go_on = true;
  std::vector<Persistent<Element>> elements;
  for (std::size_t i = 0; i < kElements; i++) elements.emplace_back(Make<Element>());
  CollectPrecisely();
  AllocateUntilTheCollectorStays();
  int assisted = 0;
  std::size_t most = 0;
  for (int i = 0; i < 10'000'000 && assisted < kEnough; i++) {
    traced_by_mutator = 0;
    Make<Small>();
    assisted += traced_by_mutator > 0 ? 1 : 0;
    most = std::max(most, traced_by_mutator);
  }
  collector_may_go_on = true;
  EXPECT_EQ(assisted, kEnough);
  EXPECT_LE(most, kBound);
}

template <int kNumber>
struct Tiny {
  std::array<std::int64_t, 2> values = {};
};
template <int... kNumbers>
void MakeOneOfEach(std::integer_sequence<int, kNumbers...>) {
  (Make<Tiny<kNumbers>>(), ...);
}

// Each block has its price, whichever of them is claimed first, and next.
TEST_F(MemoryAssistTest, WhoAlternatesBetweenTypesPaysForAllTheirBlocks) {
  constexpr std::size_t kElements = 80'000;
  constexpr int kTypes = 8;
  constexpr std::size_t kBlocks = 4;  // of each type
  constexpr std::size_t kObjects = kBlocks * (16 << 10) / sizeof(Tiny<0>);
  constexpr std::size_t kPrice = 1024;
  is_mutator = true;
  collector_may_go_on = true;
  std::vector<Persistent<Element>> elements;
  for (std::size_t i = 0; i < kElements; i++) elements.emplace_back(Make<Element>());
  CollectPrecisely();
  AllocateUntilTheCollectorStays();
  for (int i = 0; i < 10'000'000 && traced_by_mutator == 0; i++) Make<Small>();
  ASSERT_GT(traced_by_mutator, 0u);
  traced_by_mutator = 0;
  for (std::size_t i = 0; i < kObjects; i++) {
    MakeOneOfEach(std::make_integer_sequence<int, kTypes>());
  }
  EXPECT_GE(traced_by_mutator, kTypes * kBlocks * kPrice * 3 / 4);
  collector_may_go_on = true;
}

// Under churn hardly any block is fresh.
TEST_F(MemoryAssistTest, WhoUsesFreeCellsOfOldBlocksPaysAsWell) {
  constexpr std::size_t kElements = 20'000;
  constexpr int kSmalls = 200'000;
  constexpr std::uint64_t kFewBlocks = 4 * (16 << 10);
  is_mutator = true;
  collector_may_go_on = true;
  std::vector<Persistent<Element>> elements;
  for (std::size_t i = 0; i < kElements; i++) elements.emplace_back(Make<Element>());
  std::vector<Persistent<Small>> smalls;
  for (int i = 0; i < kSmalls; i++) smalls.emplace_back(Make<Small>());
  for (int i = 0; i < kSmalls; i++) {  // a quarter of them lives on
    if (i % 4 != 0) smalls[static_cast<std::size_t>(i)] = nullptr;
  }
  CollectPrecisely();
  CollectPrecisely();
  AllocateUntilTheCollectorStays();
  const std::uint64_t before = heap().Stats().heap_bytes;
  for (int i = 0; i < kSmalls && traced_by_mutator == 0; i++) Make<Small>();
  EXPECT_GT(traced_by_mutator, 0u);
  EXPECT_LE(heap().Stats().heap_bytes, before + kFewBlocks);
  collector_may_go_on = true;
}

// A table may be long: who helps leaves the objects that have one to the collector, and what only
// those lead to.
TEST_F(MemoryAssistTest, TablesAreLeftToTheCollector) {
  constexpr std::size_t kElements = 20'000;
  constexpr std::size_t kElementsForEachMap = 10;
  using Map = WeakMap<std::int64_t, Member<Value>>;
  is_mutator = true;
  collector_may_go_on = true;
  const Persistent key = Make<std::int64_t>(1);
  std::vector<Persistent<Element>> elements;
  std::vector<Persistent<Map>> maps;
  for (std::size_t i = 0; i < kElements; i++) {
    elements.emplace_back(Make<Element>());
    if (i % kElementsForEachMap != 0) continue;
    maps.emplace_back(Make<Map>());
    ASSERT_TRUE(maps.back()->Set(key.get(), Make<Value>()).ok());
  }
  CollectPrecisely();
  AllocateUntilTheCollectorStays();
  internal::Worklist& worklist = internal::CurrentImpl().state.worklist;
  values_traced_by_mutator = 0;
  for (int i = 0; i < 10'000'000 && !worklist.SeemsEmpty(); i++) Make<Small>();
  EXPECT_TRUE(worklist.SeemsEmpty());
  EXPECT_FALSE(worklist.Empty());
  EXPECT_GT(traced_by_mutator, 0u);
  EXPECT_EQ(values_traced_by_mutator, 0u);
  const std::uint64_t until = heap().Stats().cycles + 1;
  collector_may_go_on = true;
  while (heap().Stats().cycles < until) mutator().Safepoint();
  for (const auto& map : maps) ASSERT_EQ(map->Get(key.get())->canary.id(), 1u);
}

// The answers to handshake 3 tell how many rounds it took to find that nothing is left to mark. A
// mutator that asked for another one with each block it takes would keep the cycle from its end.
TEST_F(MemoryAssistTest, WhoFindsNothingToMarkCausesNoFurtherRound) {
  constexpr int kArrays = 4096;
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kStacksScanned);
  ASSERT_EQ(heap().Stats().handshakes[2].answers, 0u);
  for (int i = 0; i < kArrays; i++) MakeArray<char>(4 << 10);  // the goal is a sixteenth of that
  stepper.FinishCycle();
  EXPECT_EQ(heap().Stats().handshakes[2].answers, 1u);
}

// It lets others have the core, the collector for one, but not with each block it takes.
TEST_F(MemoryAssistTest, WhoFindsNothingToMarkYieldsOnceInAMebibyte) {
  constexpr std::uint64_t kPortion = 1 << 20;
  constexpr int kArrays = 4096;
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kStacksScanned);
  const std::uint64_t before = heap().Stats().heap_bytes;
  yields = 0;
  for (int i = 0; i < kArrays; i++) MakeArray<char>(4 << 10);
  const std::uint64_t portions = (heap().Stats().heap_bytes - before) / kPortion;
  EXPECT_GE(portions, 16u);
  EXPECT_GE(yields, portions - 3);  // the first are within the goal
  EXPECT_LE(yields, portions);
}

}  // namespace
}  // namespace elegy::test
