// What goes wrong while cycles run: constructors and callbacks that throw, a heap that is
// full for several threads at once, and mutators that allocate as fast as they can while marking is
// to end. Nothing is left half done, and afterwards all works as before.

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <stdexcept>
#include <thread>
#include <utility>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

struct Item {
  Item(std::uint64_t id, Census& census, Item* next_item = nullptr)
      : counted(id, census), next(next_item) {}
  void Trace(Visitor& visitor) const { visitor.Trace(next); }

  Counted counted;
  Member<Item> next;
};

Item* MakeList(std::uint64_t length, Census& census) {
  Item* list = nullptr;
  for (std::uint64_t id = 1; id <= length; id++) list = Make<Item>(id, census, list);
  return list;
}

void ExpectList(const Item* list, std::uint64_t length) {
  for (; list != nullptr; list = list->next) {
    ASSERT_EQ(list->counted.id(), length--);
  }
  ASSERT_EQ(length, 0u);
}

// Takes a list, makes another, answers handshakes on the way, and then may fail.
struct Fragile {
  struct Failure {};

  Fragile(Item* given, std::uint64_t length, bool fails, WeakPersistent<Fragile>& self,
          Census& census)
      : first(length, census, given) {
    self = this;
    Mutator::Current().Safepoint();
    second = MakeList(length, census);
    std::this_thread::yield();
    Mutator::Current().Safepoint();
    if (fails) throw Failure();
  }
  void Trace(Visitor& visitor) const {
    first.Trace(visitor);
    visitor.Trace(second);
  }

  Item first;
  Member<Item> second;
};

class FailureTest : public StressTest {
 public:
  void ExpectNothingLeft() {
    CollectEverything();
    EXPECT_GT(census_.made, 0u);
    EXPECT_EQ(census_.made, census_.destroyed);
    EXPECT_EQ(heap().Stats().live_bytes, 0u);
  }

  Census census_;
};

TEST_F(FailureTest, ConstructorsThatThrowInEveryPhase) {
  constexpr std::uint64_t kObjectsPerStep = 10;
  std::atomic<std::uint64_t> objects{0};
  std::atomic<bool> stop{false};
  std::thread director([&] {
    CycleStepper stepper(heap());
    for (std::size_t cycle = 0; cycle < Scaled(150); cycle++) {
      for (int step = 0; step <= static_cast<int>(CycleStep::kSwept); step++) {
        stepper.AdvanceTo(static_cast<CycleStep>(step));
        for (const std::uint64_t enough = objects + kObjectsPerStep; objects < enough;) {
          std::this_thread::yield();
        }
      }
    }
    stop = true;
  });
  RunThreads(4, [&](int thread) {
    Random random(static_cast<std::uint64_t>(thread));
    Mutator mutator(heap());
    while (!stop) {
      const std::uint64_t length = random.Below(10) + 1;
      Item* const given = MakeList(length, census_);
      WeakPersistent<Fragile> self;
      try {
        const auto* const made = Make<Fragile>(given, length, random.OneIn(2), self, census_);
        EXPECT_EQ(self.Get(), made);
        EXPECT_EQ(made->first.counted.id(), length);
        EXPECT_EQ(made->first.next, given);
        ExpectList(made->second, length);
      } catch (const Fragile::Failure&) {
      }
      ExpectList(given, length);
      objects++;
    }
  });
  director.join();
  ExpectNothingLeft();
}

// A heap of a size; the fixture's has another.
HeapOptions Limited(std::size_t bytes) {
  HeapOptions options;
  options.max_heap_bytes = bytes;
  options.initial_heap_bytes = bytes / 4;
  return TestOptions(options);
}

TEST_F(FailureTest, AHeapThatIsFullForSeveralThreadsAtOnce) {
  constexpr std::size_t kLimit = std::size_t{1} << 20;
  constexpr int kThreads = 4;
  Heap small(Limited(kLimit));
  for (std::size_t round = 0; round < Scaled(3); round++) {
    std::atomic<int> refused{0};
    RunThreads(kThreads, [&](int thread) {
      Mutator mutator(small);
      Random random(static_cast<std::uint64_t>(thread));
      Persistent<Item> list;
      std::uint64_t length = 0;
      try {
        while (true) {
          list = Make<Item>(length + 1, census_, list);
          length++;
          if (random.OneIn(64)) MakeArray<char>(random.Below(20'000));
        }
      } catch (const std::bad_alloc&) {
        refused++;
      }
      ExpectList(list, length);
      const BlockingRegion region(mutator);
      while (refused < kThreads) std::this_thread::yield();
    });
    // All that was in the way has died.
    RunThreads(kThreads, [&](int) {
      Mutator mutator(small);
      constexpr std::size_t kShare = kLimit / 2 / kThreads / sizeof(Item);
      Persistent<Item> list;
      EXPECT_NO_THROW(list = MakeList(kShare, census_));
      ExpectList(list, kShare);
    });
  }
  EXPECT_LE(small.Stats().heap_bytes, kLimit);
  for (int i = 0; i < 3; i++) small.Collect();
  EXPECT_EQ(census_.made, census_.destroyed);
}

// They do nothing but allocate; garbage never is too much, for cycles begin and end beside them.
TEST_F(FailureTest, AllocationAsFastAsCanBeDoesNotKeepMarkingFromItsEnd) {
  constexpr std::size_t kLimit = std::size_t{16} << 20;
  constexpr std::uint64_t kLive = 2000;
  Heap small(Limited(kLimit));
  RunThreads(3, [&](int) {
    Mutator mutator(small);
    Persistent<Item> kept = MakeList(kLive, census_);
    EXPECT_NO_THROW({
      while (small.Stats().cycles < Scaled(60)) {
        for (int i = 0; i < 50; i++) MakeArray<Member<Item>>(10);
        kept = Make<Item>(kLive, census_, kept->next);
      }
    });
    ExpectList(kept, kLive);
  });
  small.Collect();
  EXPECT_EQ(small.Stats().live_bytes, 0u);
  EXPECT_EQ(census_.made, census_.destroyed);
}

TEST_F(FailureTest, CallbacksThatThrow) {
  std::atomic<std::uint64_t> registered{0}, thrown{0}, caught{0}, quiet{0};
  const auto end_turn = [&](Mutator& mutator) {
    try {
      mutator.EndTurn(StackState::kNoPointers);
    } catch (const std::runtime_error&) {
      caught++;
    }
  };
  {
    BackToBackCycles cycles(heap());
    RunThreads(4, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      RegistryOptions options;
      options.run_on = RegistryOptions::RunOn::kAnyMutator;
      const auto mine = Persistent(Make<FinalizationRegistry<int>>(
          [&](int held) {
            if (held != 7) {
              quiet++;
              return;
            }
            thrown++;
            throw std::runtime_error("on purpose");
          },
          std::move(options)));
      for (std::size_t i = 0; i < Scaled(3000) && cycles.GoOn(SIZE_MAX, random); i++) {
        for (int held = static_cast<int>(random.Below(8)); held > 0; held--) {
          ASSERT_TRUE(mine->Register(Make<Item>(1, census_), int{held}).ok());
          registered++;
        }
        end_turn(mutator);
      }
      // What is left, whoever's it is.
      end_turn(mutator);
      heap().Collect(StackState::kNoPointers);
      for (std::uint64_t before = ~std::uint64_t{0}; before != thrown;) {
        before = thrown;
        end_turn(mutator);
      }
    });
  }
  ExpectNothingLeft();
  EXPECT_GT(thrown, 0u);
  EXPECT_EQ(thrown, caught);
  const HeapStats stats = heap().Stats();
  EXPECT_EQ(stats.records_registered, registered);
  EXPECT_EQ(stats.records_delivered, thrown + quiet);
  EXPECT_EQ(stats.records_delivered + stats.records_dropped, registered);
}

}  // namespace
}  // namespace elegy::test
