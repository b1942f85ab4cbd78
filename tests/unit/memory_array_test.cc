// Array: elements of every kind, of every length.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

struct Node {
  std::int64_t value = 0;
  Member<Node> next;
};

// Calls the test for each element that is built.
class Watched {
 public:
  Watched() { on_construction(); }

  static std::function<void()> on_construction;
};
std::function<void()> Watched::on_construction;

}  // namespace
}  // namespace elegy::test

template <>
inline constexpr bool elegy::kHasNoSlots<elegy::test::Watched> = true;

namespace elegy::test {
namespace {

class MemoryArrayTest : public HeapTest {};

TEST_F(MemoryArrayTest, ACycleEndsWhileAnArrayIsBuilt) {
  std::atomic<bool> has_collected{false};
  std::thread collector;
  Watched::on_construction = [&] {
    if (!collector.joinable()) {
      collector = std::thread([&] {
        heap().Collect();
        has_collected = true;
      });
    }
    if (!has_collected) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  MakeArray<Watched>(10'000);
  EXPECT_TRUE(has_collected);
  Watched::on_construction = nullptr;
  const BlockingRegion region(mutator());
  collector.join();
}

// Each refers to a node of its own; with every hundredth a cycle is asked for.
class BuiltBesideCycles {
 public:
  BuiltBesideCycles() : node_(Make<Node>(built)) {
    if (++built % 100 == 0) collect();
  }
  void Trace(Visitor& visitor) const { visitor.Trace(node_); }
  std::int64_t value() const { return node_->value; }

  static std::int64_t built;
  static std::function<void()> collect;

 private:
  Member<Node> node_;
};
std::int64_t BuiltBesideCycles::built = 0;
std::function<void()> BuiltBesideCycles::collect;

TEST_F(MemoryArrayTest, WhatIsBuiltLivesThroughCyclesUntilAllIs) {
  BuiltBesideCycles::built = 0;
  std::uint64_t wanted = 0;
  BuiltBesideCycles::collect = [&] {
    heap().RequestCollection();
    wanted++;
  };
  const auto* const array = MakeArray<BuiltBesideCycles>(1'000);
  BuiltBesideCycles::collect = nullptr;
  EXPECT_EQ(wanted, 10u);
  for (std::size_t i = 0; i < array->size(); i++) {
    ASSERT_EQ((*array)[i].value(), static_cast<std::int64_t>(i));
  }
}

TEST_F(MemoryArrayTest, ScalarsBeginAsZeroAndKeepTheirValues) {
  for (const std::size_t length : {1, 7, 100, 1000, 5000, 100'000}) {
    NoInline([&] {  // memory that is not zero any more
      std::uint64_t* const used = MakeArray<std::uint64_t>(length)->begin();
      std::fill(used, used + length, ~std::uint64_t{0});
    });
    CollectPrecisely();
    const Persistent<Array<std::uint64_t>> array = MakeArray<std::uint64_t>(length);
    ASSERT_EQ(array->size(), length);
    ASSERT_EQ(std::count(array->begin(), array->end(), 0u), static_cast<std::ptrdiff_t>(length));
    std::iota(array->begin(), array->end(), 5);
    CollectPrecisely();
    for (std::size_t i = 0; i < length; i++) {
      ASSERT_EQ((*array)[i], i + 5);
    }
  }
}

TEST_F(MemoryArrayTest, MemoryThatAnotherTypeHadReadsZero) {
  NoInline([&] {
    const Persistent<Array<std::uint64_t>> used = MakeArray<std::uint64_t>(500'000);
    std::fill(used->begin(), used->end(), ~std::uint64_t{0});
  });
  for (int i = 0; i < 3; i++) CollectPrecisely();
  const Persistent<Array<char>> array = MakeArray<char>(6'000'000);
  EXPECT_EQ(std::count(array->begin(), array->end(), 0), 6'000'000);
}

TEST_F(MemoryArrayTest, SlotsBeginNullAndKeepTheirTargets) {
  for (const std::size_t length : {1, 7, 100, 1000, 5000, 100'000}) {
    NoInline([&] {
      const Persistent<Array<Member<Node>>> used = MakeArray<Member<Node>>(length);
      for (Member<Node>& each : *used) each = Make<Node>();
    });
    CollectPrecisely();
    const Persistent<Array<Member<Node>>> array = MakeArray<Member<Node>>(length);
    for (const Member<Node>& each : *array) {
      ASSERT_EQ(each, nullptr);
    }
    for (std::size_t i = 0; i < length; i++) {
      (*array)[i] = Make<Node>(static_cast<std::int64_t>(i));
    }
    CollectPrecisely();
    CollectPrecisely();
    for (std::size_t i = 0; i < length; i++) {
      ASSERT_EQ((*array)[i]->value, static_cast<std::int64_t>(i));
    }
  }
}

// Hundreds of thousands of slots: more than one marker takes in at once.
TEST_F(MemoryArrayTest, AHugeArrayOfSlotsKeepsEveryTarget) {
  constexpr std::size_t kLength = 400'000;
  const Persistent<Array<Member<Node>>> array = MakeArray<Member<Node>>(kLength);
  for (std::size_t i = 0; i < kLength; i++) {
    (*array)[i] = Make<Node>(static_cast<std::int64_t>(i), Make<Node>(-1));
  }
  for (int cycle = 0; cycle < 2; cycle++) {
    CollectPrecisely();
    EXPECT_GE(heap().Stats().live_bytes, 2 * kLength * sizeof(Node) + kLength * sizeof(void*));
    for (std::size_t i = 0; i < kLength; i++) {
      ASSERT_EQ((*array)[i]->value, static_cast<std::int64_t>(i));
      ASSERT_EQ((*array)[i]->next->value, -1);
    }
  }
  for (std::size_t i = 0; i < kLength; i += 2) (*array)[i] = nullptr;
  CollectPrecisely();
  EXPECT_LT(heap().Stats().live_bytes, (kLength + 1000) * (sizeof(Node) + sizeof(void*)));
}

// Targets that move to a part of the array that has been traced already, while it is being traced.
TEST_F(MemoryArrayTest, TargetsThatMoveWithinAHugeArrayWhileItIsMarkedSurvive) {
  constexpr std::size_t kLength = 100'000;
  const Persistent<Array<Member<Node>>> array = MakeArray<Member<Node>>(kLength);
  for (std::size_t i = 0; i < kLength; i++) {
    (*array)[i] = Make<Node>(static_cast<std::int64_t>(i));
  }
  for (int round = 0; round < 10; round++) {
    heap().RequestCollection();
    const std::uint64_t target = heap().Stats().cycles + 1;
    while (heap().Stats().cycles < target) {
      for (std::size_t i = 0; i < kLength / 2; i++) {
        Node* const low = (*array)[i];
        Node* const high = (*array)[kLength - 1 - i];
        (*array)[i] = high;
        (*array)[kLength - 1 - i] = low;
        if (i % 1000 == 0) mutator().Safepoint();
      }
      mutator().Safepoint();
    }
  }
  CollectPrecisely();
  std::vector<bool> seen(kLength);
  for (const Member<Node>& each : *array) seen[static_cast<std::size_t>(each->value)] = true;
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), static_cast<std::ptrdiff_t>(kLength));
}

TEST_F(MemoryArrayTest, LengthZeroIsLegal) {
  const Persistent<Array<Member<Node>>> slots = MakeArray<Member<Node>>(0);
  const Persistent<Array<double>> numbers = MakeArray<double>(0);
  const Persistent<Array<std::string>> strings = MakeArray<std::string>(0);
  const Persistent<Array<std::max_align_t>> aligned = MakeArray<std::max_align_t>(0);
  CollectPrecisely();
  EXPECT_EQ(slots->size() + numbers->size() + strings->size() + aligned->size(), 0u);
  EXPECT_TRUE(slots->empty());
  EXPECT_EQ(slots->begin(), slots->end());
  EXPECT_EQ(strings->begin(), strings->end());
}

TEST_F(MemoryArrayTest, AnOverflowingLengthThrowsBadAlloc) {
  constexpr std::size_t kMost = std::numeric_limits<std::size_t>::max();
  for (const std::size_t length : {kMost, kMost - 1, kMost - 7, kMost / 2, kMost / 2 + 1, kMost / 8,
                                   kMost / 8 + 1, kMost / 16, kMost / 32 + 1, kMost / 1024}) {
    EXPECT_THROW(MakeArray<char>(length), std::bad_alloc) << length;
    EXPECT_THROW(MakeArray<double>(length), std::bad_alloc) << length;
    EXPECT_THROW(MakeArray<Member<Node>>(length), std::bad_alloc) << length;
    EXPECT_THROW(MakeArray<std::string>(length), std::bad_alloc) << length;
  }
  EXPECT_LE(heap().Stats().heap_bytes, 1u << 20);
  EXPECT_EQ(MakeArray<char>(10)->size(), 10u);
}

// Counts its objects.
class Counted {
 public:
  Counted() { alive++; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { alive--, destroyed++; }

  static std::atomic<int> alive, destroyed;
};
std::atomic<int> Counted::alive{0}, Counted::destroyed{0};

struct CountedElement {
  Counted counted;
  std::string text = "an element's text, not stored in place";
};

}  // namespace
}  // namespace elegy::test

template <>
inline constexpr bool elegy::kHasNoSlots<elegy::test::CountedElement> = true;

namespace elegy::test {
namespace {

TEST_F(MemoryArrayTest, ElementsAreDestroyedExactlyOnce) {
  for (const int length : {1, 10, 100, 1000, 20'000}) {
    Counted::alive = Counted::destroyed = 0;
    Persistent<Array<CountedElement>> array =
        MakeArray<CountedElement>(static_cast<std::size_t>(length));
    EXPECT_EQ(Counted::alive, length);
    CollectPrecisely();
    EXPECT_EQ(Counted::destroyed, 0);
    for (CountedElement& each : *array) {
      ASSERT_EQ(each.text.size(), 38u);
    }
    array = nullptr;
    CollectPrecisely();
    CollectPrecisely();
    EXPECT_EQ(Counted::alive, 0);
    EXPECT_EQ(Counted::destroyed, length);
  }
}

TEST_F(MemoryArrayTest, StringsKeepTheirText) {
  const Persistent<Array<std::string>> array = MakeArray<std::string>(3000);
  for (std::size_t i = 0; i < array->size(); i++) {
    EXPECT_TRUE((*array)[i].empty());
    (*array)[i] = std::string(i % 100, static_cast<char>('a' + i % 26));
  }
  CollectPrecisely();
  for (std::size_t i = 0; i < array->size(); i++) {
    ASSERT_EQ((*array)[i], std::string(i % 100, static_cast<char>('a' + i % 26)));
  }
}

// 1 GiB of which only some pages are ever touched.
TEST(MemoryHugeArrayTest, AGibibyteWorksAndDies) {
  Heap heap(TestOptions({.max_heap_bytes = std::size_t{2} << 30}));
  Mutator mutator(heap);
  constexpr std::size_t kBytes = std::size_t{1} << 30;
  const auto check = [&](auto zero) {
    using T = decltype(zero);
    constexpr std::size_t kLength = kBytes / sizeof(T);
    Persistent<Array<T>> array = NoInline([] { return MakeArray<T>(kLength); });
    for (std::size_t i = 0; i < kLength; i += kLength / 4 - 1) {
      ASSERT_EQ((*array)[i], T());
      (*array)[i] = T(i % 100 + 1);
    }
    heap.Collect(StackState::kNoPointers);
    for (std::size_t i = 0; i < kLength; i += kLength / 4 - 1) {
      ASSERT_EQ((*array)[i], T(i % 100 + 1));
    }
    EXPECT_GE(heap.Stats().heap_bytes, kBytes);
    const Persistent<T> last = &(*array)[kLength - 1];
    array = nullptr;
    heap.Collect(StackState::kNoPointers);
    EXPECT_GE(heap.Stats().heap_bytes, kBytes) << "its last element keeps it";
  };
  check(char());
  heap.Collect(StackState::kNoPointers);
  EXPECT_LE(heap.Stats().heap_bytes, 1u << 20);
  check(double());
  heap.Collect(StackState::kNoPointers);
  EXPECT_LE(heap.Stats().heap_bytes, 1u << 20);
}

TEST_F(MemoryArrayTest, WeakElementsKeepNothing) {
  for (const std::size_t length : {10, 50'000}) {
    const Persistent<Array<WeakMember<Node>>> array = MakeArray<WeakMember<Node>>(length);
    std::vector<Persistent<Node>> kept;
    NoInline([&] {
      for (std::size_t i = 0; i < length; i++) {
        Node* const node = Make<Node>(static_cast<std::int64_t>(i));
        (*array)[i] = node;
        if (i % 5 == 0) kept.emplace_back(node);
      }
    });
    CollectPrecisely();
    for (std::size_t i = 0; i < length; i++) {
      ASSERT_EQ((*array)[i].Get(), i % 5 == 0 ? kept[i / 5].get() : nullptr);
    }
    kept.clear();
    CollectPrecisely();
    for (const WeakMember<Node>& each : *array) {
      ASSERT_EQ(each.Get(), nullptr);
    }
  }
}

struct Entry {
  std::pair<Member<Node>, WeakMember<Node>> nodes;
  std::optional<Member<Node>> extra;
  int number = 9;
  std::string name = "entry";
};

TEST_F(MemoryArrayTest, StructsOfSlotsAreTraced) {
  for (const std::size_t length : {3, 3000}) {
    const Persistent<Array<Entry>> array = MakeArray<Entry>(length);
    NoInline([&] {
      for (Entry& each : *array) {
        each.nodes.first = Make<Node>(1);
        each.nodes.second = Make<Node>(2);
      }
    });
    CollectPrecisely();
    for (const Entry& each : *array) {
      ASSERT_EQ(each.nodes.first->value, 1);
      ASSERT_EQ(each.nodes.second.Get(), nullptr);
      ASSERT_EQ(each.number, 9);
      ASSERT_EQ(each.name, "entry");
    }
  }
}

TEST_F(MemoryArrayTest, ArraysOfArraysAreKept) {
  using Row = Array<double>;
  const Persistent<Array<Member<Row>>> matrix = mutator().MakeArray<Member<Row>>(200);
  for (Member<Row>& row : *matrix) row = mutator().MakeArray<double>(300);
  for (std::size_t i = 0; i < 200; i++) (*(*matrix)[i])[i] = 1;
  CollectPrecisely();
  double sum = 0;
  for (const Member<Row>& row : *matrix) sum += std::accumulate(row->begin(), row->end(), 0.0);
  EXPECT_EQ(sum, 200);
}

TEST_F(MemoryArrayTest, AtomicElementsAreSlots) {
  const Persistent<Array<AtomicMember<Node>>> array = MakeArray<AtomicMember<Node>>(1000);
  for (AtomicMember<Node>& each : *array) each.store(Make<Node>(4));
  CollectPrecisely();
  for (AtomicMember<Node>& each : *array) {
    ASSERT_EQ(each.exchange(nullptr)->value, 4);
  }
}

// A store into an array that was made, and so counts as marked, while a cycle runs.
TEST_F(MemoryArrayTest, ArraysMadeWhileMarkingKeepWhatIsStoredInThem) {
  for (const std::size_t length : {10, 10'000}) {
    Persistent<Node> holder = Make<Node>(0, Make<Node>(6));
    CycleStepper stepper(heap());
    stepper.AdvanceTo(CycleStep::kStacksScanned);
    const Persistent<Array<Member<Node>>> array = MakeArray<Member<Node>>(length);
    (*array)[length - 1] = holder->next;
    holder->next = nullptr;
    stepper.FinishCycle();
    CollectPrecisely();
    EXPECT_EQ((*array)[length - 1]->value, 6);
  }
}

}  // namespace
}  // namespace elegy::test
