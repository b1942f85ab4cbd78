// Threads that attach, do little and detach, by the thousand and in every phase of the cycle, alone
// or passing objects on through handles: nobody loses what he holds, and nothing of those that have
// gone stays behind.

#include <gtest/gtest.h>
#include <malloc.h>

#include <array>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
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
  Item(std::uint64_t id, Census& census, Item* next_item) : counted(id, census), next(next_item) {}
  void Trace(Visitor& visitor) const { visitor.Trace(next); }

  Counted counted;
  Member<Item> next;
};

// A list with the ids from `length` down to 1.
Item* MakeList(std::uint64_t length, Census& census) {
  Item* list = nullptr;
  for (std::uint64_t id = 1; id <= length; id++) list = Make<Item>(id, census, list);
  return list;
}

void ExpectWhole(const Item* list) {
  if (list == nullptr) return;
  std::uint64_t id = list->counted.id();
  ASSERT_NE(id, 0u);
  for (; list != nullptr; list = list->next) {
    ASSERT_EQ(list->counted.id(), id--);
  }
  ASSERT_EQ(id, 0u);
}

// Lists on their way from thread to thread, held by handles alone.
class Shelf {
 public:
  // Leaves a list in some place and takes what was there.
  Item* Exchange(Random& random, Item* list) {
    Place& place = At(random);
    const std::lock_guard lock(place.mutex);
    Item* const found = place.handle;
    place.handle = list;
    return found;
  }
  // What a thread may do that is not attached.
  void Carry(Random& random) {
    Persistent<Item> taken;
    {
      Place& from = At(random);
      const std::lock_guard lock(from.mutex);
      taken = std::exchange(from.handle, nullptr);
    }
    Place& to = At(random);
    const std::lock_guard lock(to.mutex);
    std::swap(taken, to.handle);
  }
  void Clear() {
    for (Place& place : places_) place.handle = nullptr;
  }

 private:
  struct Place {
    std::mutex mutex;
    Persistent<Item> handle;
  };

  Place& At(Random& random) { return places_[random.Below(places_.size())]; }

  std::array<Place, 12> places_;
};

// What is visited.
struct Site {
  // One visit, from attaching to detaching; `stay` is called in the middle of it.
  template <class F>
  void Visit(Heap& heap, Random& random, F&& stay) {
    Mutator mutator(heap);
    Item* list = MakeList(random.Below(6) + 1, census);
    if (random.OneIn(2)) mutator.Safepoint();
    if (random.OneIn(2)) list = shelf.Exchange(random, list);
    if (random.OneIn(4) && list != nullptr) {
      list = Make<WeakRef<Item>>(list)->Deref();
      if (random.OneIn(2)) mutator.EndTurn();
    }
    stay(mutator);
    ExpectWhole(list);
  }
  void Visit(Heap& heap, Random& random) {
    Visit(heap, random, [](Mutator&) {});
  }
  // After the last visit.
  void ExpectNothingLeft(Heap& heap) {
    shelf.Clear();
    for (int i = 0; i < 3; i++) heap.Collect();
    EXPECT_GT(census.made, 0u);
    EXPECT_EQ(census.made, census.destroyed);
    EXPECT_EQ(heap.Stats().live_bytes, 0u);
  }

  Census census;
  Shelf shelf;
};

class AttachTest : public StressTest {
 public:
  Site& site() { return site_; }

 private:
  Site site_;
};

TEST_F(AttachTest, ShortVisitsWhileCyclesFollowEachOther) {
  {
    BackToBackCycles cycles(heap());
    RunThreads(6, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      for (std::size_t i = 0; i < Scaled(4000) && cycles.GoOn(SIZE_MAX, random); i++) {
        if (thread == 0) {
          site().shelf.Carry(random);
        } else {
          site().Visit(heap(), random);
        }
      }
    });
  }
  site().ExpectNothingLeft(heap());
}

// Each step of the cycle lasts until so many threads have come or gone in it; some stay, running or
// blocked, into a later one.
TEST_F(AttachTest, VisitsInEveryPhase) {
  constexpr int kVisitors = 5;
  constexpr std::uint64_t kVisitsPerStep = 10;
  std::atomic<std::uint64_t> visits{0};
  std::atomic<std::uint64_t> steps{0};
  std::atomic<bool> stop{false};
  const auto await_step = [&](std::uint64_t step) {
    while (steps < step && !stop) std::this_thread::yield();
  };
  std::thread director([&] {
    CycleStepper stepper(heap());
    for (std::size_t cycle = 0; cycle < Scaled(25); cycle++) {
      for (int step = 0; step <= static_cast<int>(CycleStep::kSwept); step++) {
        stepper.AdvanceTo(static_cast<CycleStep>(step));
        steps++;
        for (const std::uint64_t enough = visits + kVisitsPerStep; visits < enough;) {
          std::this_thread::yield();
        }
      }
    }
    stop = true;
  });
  RunThreads(kVisitors, [&](int thread) {
    Random random(static_cast<std::uint64_t>(thread));
    // The first never stays, so that there is always somebody for the director to wait for.
    const auto stay = [&](Mutator& mutator) {
      if (thread == 0 || !random.OneIn(8)) return;
      const std::uint64_t until = steps + random.Below(4) + 1;
      if (random.OneIn(2)) {
        const BlockingRegion region(mutator);
        await_step(until);
      } else {
        while (steps < until && !stop) {
          mutator.Safepoint();
          std::this_thread::yield();
        }
      }
    };
    while (!stop) {
      site().Visit(heap(), random, stay);
      visits++;
    }
  });
  director.join();
  site().ExpectNothingLeft(heap());
}

// All at once, each with a list that only its own stack holds, until it gives it to another.
TEST_F(AttachTest, HundredsOfMutatorsAtOnce) {
  constexpr int kMutators = 256;
  std::barrier all_attached(kMutators);
  {
    BackToBackCycles cycles(heap());
    RunThreads(kMutators, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      Item* list = MakeList(5, site().census);
      {
        const BlockingRegion region(mutator);
        all_attached.arrive_and_wait();
      }
      for (std::size_t i = 0; i < Scaled(60) && !HasFatalFailure(); i++) {
        Item* const taken = site().shelf.Exchange(random, list);
        list = taken == nullptr ? MakeList(random.Below(10) + 1, site().census) : taken;
        mutator.Safepoint();
        ExpectWhole(list);
        std::this_thread::yield();
      }
    });
  }
  site().ExpectNothingLeft(heap());
}

TEST_F(AttachTest, TenThousandThreadsLeaveNothingBehind) {
  constexpr int kLanes = 8;
  const auto run = [&](std::size_t threads) {
    std::atomic<std::size_t> number{0};
    RunThreads(kLanes, [&](int) {
      while (true) {
        const std::size_t mine = number++;
        if (mine >= threads) return;
        std::thread([&] {
          Random random(mine);
          site().Visit(heap(), random, [](Mutator&) {
            auto* const registry = Make<FinalizationRegistry<int>>([](int) {});
            EXPECT_TRUE(registry->Register(Make<WeakRef<Item>>(nullptr), 1).ok());
          });
        }).join();
        if (mine % 512 == 0) heap().RequestCollection();
      }
    });
    site().ExpectNothingLeft(heap());
  };
  const auto bytes_outside = [] { return mallinfo2().uordblks; };
  run(200);
  const std::uint64_t heap_before = heap().Stats().heap_bytes;
  const std::size_t outside_before = bytes_outside();
  run(Scaled(10000));
  EXPECT_EQ(heap().Stats().heap_bytes, heap_before);
  EXPECT_LT(bytes_outside(), outside_before + (std::size_t{512} << 10));
  const HeapStats stats = heap().Stats();
  EXPECT_EQ(stats.records_registered, stats.records_delivered + stats.records_dropped);
}

// Every thread goes from one heap to the other and back; the second heap ends while the first goes
// on, and another takes its place.
TEST_F(AttachTest, TwoHeapsOneAfterTheOther) {
  for (int round = 0; round < 3; round++) {
    Site other_site;
    auto other = std::make_unique<Heap>(TestOptions());
    {
      BackToBackCycles here(heap());
      BackToBackCycles there(*other);
      RunThreads(5, [&](int thread) {
        Random random(static_cast<std::uint64_t>(thread));
        for (std::size_t i = 0; i < Scaled(800) && here.GoOn(SIZE_MAX, random); i++) {
          site().Visit(heap(), random);
          other_site.Visit(*other, random);
        }
      });
    }
    if (round % 2 == 0) {
      other_site.ExpectNothingLeft(*other);
    }
    other.reset();
    EXPECT_EQ(other_site.census.made, other_site.census.destroyed);
  }
  site().ExpectNothingLeft(heap());
}

}  // namespace
}  // namespace elegy::test
