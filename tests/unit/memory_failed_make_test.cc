// What fails while it is made: arrays of elements that throw, objects within objects, aggregates,
// and failures by the hundred thousand.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/trouble.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

struct Leaf {
  std::int64_t value = 0;
};

// An element: the one with the number that is set throws, after it has run what is set; each
// hundredth collects, if it is to.
class Element {
 public:
  Element() : leaf_(Make<Leaf>(made)) {
    if (collects && made % 100 == 0) collects->Collect(StackState::kNoPointers);
    if (made == throws_at) {
      if (before_throwing) before_throwing();
      throw Trouble();
    }
    made++;
  }
  Element(const Element&) = delete;
  Element& operator=(const Element&) = delete;
  ~Element() { destroyed++; }
  void Trace(Visitor& visitor) const { visitor.Trace(leaf_); }
  std::int64_t value() const { return leaf_->value; }

  static void Reset(int throws) {
    made = destroyed = 0;
    throws_at = throws;
    before_throwing = nullptr;
    collects = nullptr;
  }
  static int made, throws_at;
  static Heap* collects;
  static std::atomic<int> destroyed;
  static std::function<void()> before_throwing;

 private:
  std::string text_ = "a text that is too long to be stored in place";
  Member<Leaf> leaf_;
};
int Element::made = 0, Element::throws_at = -1;
Heap* Element::collects = nullptr;
std::atomic<int> Element::destroyed{0};
std::function<void()> Element::before_throwing;

class MemoryFailedMakeTest : public HeapTest {
 protected:
  void ExpectArrayFails(std::size_t length) {
    NoInline([&] { EXPECT_THROW(MakeArray<Element>(length), Trouble); });
    EXPECT_EQ(Element::destroyed, Element::throws_at);
    CollectPrecisely();
    CollectPrecisely();
    EXPECT_EQ(Element::destroyed, Element::throws_at);
    EXPECT_EQ(heap().Stats().live_bytes, 0u);
  }
};

TEST_F(MemoryFailedMakeTest, AnArrayWhoseElementThrowsDestroysTheEarlierOnes) {
  for (const int length : {1, 10, 100, 1000}) {
    for (const int throws_at : {0, length / 2, length - 1}) {
      Element::Reset(throws_at);
      ExpectArrayFails(static_cast<std::size_t>(length));
    }
  }
}

TEST_F(MemoryFailedMakeTest, AnArrayWhoseElementThrowsAfterACycleLeavesNothing) {
  for (const int length : {20, 2000}) {
    Element::Reset(length - 1);
    Element::before_throwing = [this] {
      heap().Collect();
      heap().Collect();
    };
    ExpectArrayFails(static_cast<std::size_t>(length));
  }
}

TEST_F(MemoryFailedMakeTest, AnArrayWhoseElementThrowsInAnyStepOfACycleLeavesNothing) {
  for (const int length : {20, 2000}) {
    for (const CycleStep step :
         {CycleStep::kBarrierOn, CycleStep::kStacksScanned, CycleStep::kMarked, CycleStep::kFlipped,
          CycleStep::kCellsCleared, CycleStep::kRecordsQueued, CycleStep::kSwept}) {
      CycleStepper stepper(heap());
      Element::Reset(length / 2);
      Element::before_throwing = [&] { stepper.AdvanceTo(step); };
      ExpectArrayFails(static_cast<std::size_t>(length));
    }
  }
}

TEST_F(MemoryFailedMakeTest, AnArrayUnderConstructionKeepsWhatItsElementsHave) {
  Element::Reset(-1);
  Element::collects = &heap();
  const Persistent<Array<Element>> array = MakeArray<Element>(3000);
  CollectPrecisely();
  for (std::size_t i = 0; i < array->size(); i++) {
    ASSERT_EQ((*array)[i].value(), static_cast<std::int64_t>(i));
  }
}

// The constructor of the outer object goes on although an inner one has failed.
class Outer {
 public:
  explicit Outer(bool fails) : leaf_(Make<Leaf>(1)) {
    try {
      inner_ = Make<Outer>(*this);
    } catch (const Trouble&) {
    }
    Mutator::Current().Safepoint();
    if (fails) throw Trouble();
  }
  explicit Outer(const Outer& outer) : leaf_(outer.leaf_) { throw Trouble(); }
  ~Outer() { destroyed++; }
  void Trace(Visitor& visitor) const {
    visitor.Trace(leaf_);
    visitor.Trace(inner_);
  }
  bool IsWhole() const { return leaf_->value == 1 && inner_ == nullptr; }
  static std::atomic<int> destroyed;

 private:
  Member<Leaf> leaf_;
  Member<Outer> inner_;
};
std::atomic<int> Outer::destroyed{0};

TEST_F(MemoryFailedMakeTest, AnInnerFailureMayBeCaught) {
  Outer::destroyed = 0;
  std::vector<Persistent<Outer>> outer;
  for (int i = 0; i < 2000; i++) {
    outer.emplace_back(Make<Outer>(false));
    EXPECT_THROW(Make<Outer>(true), Trouble);
    if (i % 500 == 0) CollectPrecisely();
  }
  CollectPrecisely();
  for (const Persistent<Outer>& each : outer) {
    ASSERT_TRUE(each->IsWhole());
  }
  EXPECT_EQ(Outer::destroyed, 0);
  outer.clear();
  CollectPrecisely();
  EXPECT_EQ(Outer::destroyed, 2000);
}

// An aggregate fails in one of its fields.
struct Thrower {
  Thrower() = default;
  explicit Thrower(int value) {
    if (value > 0) throw Trouble();
  }
  void Trace(Visitor&) const {}
};
struct Counter {
  Counter() { alive++; }
  Counter(const Counter&) { alive++; }
  ~Counter() { alive--; }
  void Trace(Visitor&) const {}
  static std::atomic<int> alive;
};
std::atomic<int> Counter::alive{0};
struct Aggregate {
  Member<Leaf> leaf = Make<Leaf>(5);
  Counter counter;
  Thrower thrower = Thrower(throws ? 1 : 0);
  Counter never_reached;
  static bool throws;
};
bool Aggregate::throws = false;

TEST_F(MemoryFailedMakeTest, AnAggregateWhoseFieldThrowsLeavesNothing) {
  Counter::alive = 0;
  Persistent<Aggregate> aggregate = Make<Aggregate>();
  EXPECT_EQ(Counter::alive, 2);
  Aggregate::throws = true;
  for (int i = 0; i < 1000; i++) {
    EXPECT_THROW(Make<Aggregate>(), Trouble);
  }
  Aggregate::throws = false;
  CollectPrecisely();
  EXPECT_EQ(Counter::alive, 2);
  EXPECT_EQ(aggregate->leaf->value, 5);
  aggregate = nullptr;
  CollectPrecisely();
  EXPECT_EQ(Counter::alive, 0);
}

// An argument that throws comes before there is any object.
TEST_F(MemoryFailedMakeTest, AnArgumentThatThrowsMakesNothing) {
  const auto fail = []() -> std::int64_t { throw Trouble(); };
  EXPECT_THROW(Make<Leaf>(fail()), Trouble);
  CollectPrecisely();
  EXPECT_EQ(heap().Stats().live_bytes, 0u);
}

class Failure {
 public:
  Failure() { throw Trouble(); }
  void Trace(Visitor&) const {}

 private:
  [[maybe_unused]] std::array<std::int64_t, 16> padding_ = {};
};

// Their memory is reclaimed like that of the dead, also at the limit.
TEST(MemoryFailedMakeAtLimitTest, FailuresByTheHundredThousandFillNothing) {
  constexpr std::size_t kLimit = std::size_t{4} << 20;
  Heap heap(TestOptions({.max_heap_bytes = kLimit}));
  const Mutator mutator(heap);
  for (int i = 0; i < 200'000; i++) {
    try {
      Make<Failure>();
      FAIL();
    } catch (const Trouble&) {
    }
  }
  EXPECT_LE(heap.Stats().heap_bytes, kLimit);
  heap.Collect(StackState::kNoPointers);
  EXPECT_EQ(heap.Stats().live_bytes, 0u);
  EXPECT_LE(heap.Stats().heap_bytes, kLimit / 16);
}

}  // namespace
}  // namespace elegy::test
