// Blocked threads: the collector answers for them and scans their stacks, which must be neither too
// little, when they hold objects deep down, nor too late, when they leave in that very moment and
// go on changing what is scanned.

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

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
  AtomicMember<Item> next;
};
using Slots = Array<AtomicMember<Item>>;

class BlockingTest : public StressTest {
 public:
  static constexpr std::size_t kSlots = 32;

  BlockingTest() {
    RunThreads(1, [&](int) {
      Mutator mutator(heap());
      slots_ = MakeArray<AtomicMember<Item>>(kSlots);
    });
  }

  AtomicMember<Item>& AnySlot(Random& random) { return (*slots_)[random.Below(kSlots)]; }

  Item* MakeItem(std::uint64_t id) { return Make<Item>(id, census_, Make<Item>(id, census_)); }
  static void ExpectWhole(const Item* item, std::uint64_t id) {
    ASSERT_EQ(item->counted.id(), id);
    ASSERT_EQ(item->next.load()->counted.id(), id);
  }
  // Of whatever has been in a slot.
  static void ExpectWhole(const Item* item) {
    ASSERT_NE(item->counted.id(), 0u);
    ASSERT_EQ(item->next.load()->counted.id(), item->counted.id());
  }

  // Calls f at the bottom of so many frames, each of which holds an item of its own.
  template <class F>
  [[gnu::noinline]] void AtDepth(std::size_t depth, F&& f) {
    Item* const item = MakeItem(depth + 1);
    if (depth == 0) {
      f();
    } else {
      AtDepth(depth - 1, f);
    }
    ExpectWhole(item, depth + 1);
  }

  // After the last thread.
  void ExpectNothingLeft() {
    slots_ = nullptr;
    CollectEverything();
    EXPECT_GT(census_.made, 0u);
    EXPECT_EQ(census_.made, census_.destroyed);
  }

  Census& census() { return census_; }

 private:
  Census census_;
  Persistent<Slots> slots_;
};

TEST_F(BlockingTest, ManyBlockedStacksHoldTheirObjects) {
  constexpr int kBlocked = 24;
  constexpr int kBusy = 2;
  {
    BackToBackCycles cycles(heap());
    RunThreads(kBlocked + kBusy, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      for (std::size_t i = 0; i < Scaled(150) && cycles.GoOn(SIZE_MAX, random); i++) {
        if (HasFatalFailure()) return;
        if (thread >= kBlocked) {
          MakeItem(random.Below(100) + 1);  // takes the memory of what is lost
          continue;
        }
        AtDepth(random.Below(40), [&] {
          for (std::size_t times = random.Below(4); times > 0; times--) {
            const BlockingRegion region(mutator);
            std::this_thread::yield();
          }
        });
      }
    });
  }
  ExpectNothingLeft();
}

// What a thread has in hand was in a slot just before it blocked, and goes back right after.
TEST_F(BlockingTest, EnteringAndLeavingInATightLoop) {
  {
    BackToBackCycles cycles(heap());
    RunThreads(6, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      Item* hand = MakeItem(static_cast<std::uint64_t>(thread) + 1);
      for (std::size_t i = 0; i < Scaled(10'000) && cycles.GoOn(SIZE_MAX, random); i++) {
        if (HasFatalFailure()) return;
        hand = AnySlot(random).exchange(hand);
        {
          const BlockingRegion region(mutator);
          if (random.OneIn(4)) {
            const BlockingRegion nested(mutator);
          }
        }
        if (hand == nullptr || random.OneIn(8)) hand = MakeItem(random.Below(1000) + 1);
        ExpectWhole(hand);
      }
    });
  }
  ExpectNothingLeft();
}

// Each step of the cycle lasts until threads have blocked or left in it; some stay blocked into a
// later one, and change the graph as soon as they are out.
TEST_F(BlockingTest, BlockingInEveryPhase) {
  constexpr std::uint64_t kTurnsPerStep = 12;
  std::atomic<std::uint64_t> turns{0};
  std::atomic<std::uint64_t> steps{0};
  std::atomic<bool> stop{false};
  std::thread director([&] {
    CycleStepper stepper(heap());
    for (std::size_t cycle = 0; cycle < Scaled(25); cycle++) {
      for (int step = 0; step <= static_cast<int>(CycleStep::kSwept); step++) {
        stepper.AdvanceTo(static_cast<CycleStep>(step));
        steps++;
        for (const std::uint64_t enough = turns + kTurnsPerStep; turns < enough;) {
          std::this_thread::yield();
        }
      }
    }
    stop = true;
  });
  RunThreads(5, [&](int thread) {
    Random random(static_cast<std::uint64_t>(thread));
    Mutator mutator(heap());
    while (!stop) {
      AtDepth(random.Below(10), [&] {
        Item* const taken = AnySlot(random).exchange(nullptr);
        {
          // The first never stays, so that there is always somebody for the director to wait for.
          const std::uint64_t until =
              thread > 0 && random.OneIn(4) ? steps + random.Below(4) + 1 : 0;
          const BlockingRegion region(mutator);
          while (steps < until && !stop) std::this_thread::yield();
        }
        if (taken == nullptr) {
          AnySlot(random).store(MakeItem(random.Below(1000) + 1));
        } else {
          ExpectWhole(taken);
          AnySlot(random).store(random.OneIn(2) ? taken
                                                : Make<Item>(taken->counted.id(), census(), taken));
        }
      });
      mutator.Safepoint();
      turns++;
    }
  });
  director.join();
  ExpectNothingLeft();
}

// A large stack takes a while to scan. Threads leave as soon as they hear of a cycle or of its
// flip, and move their only pointer from end to end of what is perhaps being scanned.
TEST_F(BlockingTest, LeavingWhileServed) {
  constexpr std::size_t kWords = 20000;
  constexpr std::size_t kRegions = 400;
  std::atomic<std::uint64_t> events{0};
  heap().SetObserver([&](const HeapEvent&) { events++; });
  {
    BackToBackCycles cycles(heap());
    RunThreads(3, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      Item* volatile words[kWords] = {};
      std::size_t at = 0;
      NoInline([&] { words[at] = MakeItem(1); });
      for (std::size_t i = 0; i < Scaled(kRegions) && !HasFatalFailure(); i++) {
        {
          const BlockingRegion region(mutator);
          for (const std::uint64_t before = events; events == before;) std::this_thread::yield();
          for (std::size_t spin = random.Below(2000); spin > 0; spin--) KeepAlive(&spin);
        }
        const std::size_t to = random.OneIn(2) ? kWords - 1 - at : random.Below(kWords);
        NoInline([&] {
          Item* const item = words[at];
          words[at] = nullptr;
          words[to] = item;
        });
        at = to;
        NoInline([&] {
          for (int garbage = 0; garbage < 4; garbage++) MakeItem(2);
          ExpectWhole(words[at], 1);
          if (random.OneIn(16)) words[at] = MakeItem(1);
        });
      }
    });
  }
  heap().SetObserver(nullptr);
  ExpectNothingLeft();
}

// What a registration held is no concern of a blocked thread's: the collector acts for it.
TEST_F(BlockingTest, CancellingWhileServed) {
  const BackToBackCycles cycles(heap());
  RunThreads(1, [&](int) {
    Mutator mutator(heap());
    const Persistent target = Make<Counted>(1, census());
    const Persistent registry = Make<FinalizationRegistry<Member<Item>>>([](Member<Item>) {});
    Random random(0);
    while (cycles.GoOn(Scaled(100), random)) {
      std::vector<Registration> registrations;
      for (std::uint64_t i = 1; i <= 100; i++) {
        registrations.push_back(*registry->Track(target, MakeItem(i)));
      }
      mutator.EndTurn();
      const BlockingRegion region(mutator);
      for (Registration& registration : registrations) ASSERT_TRUE(registration.Cancel());
    }
  });
  ExpectNothingLeft();
}

}  // namespace
}  // namespace elegy::test
