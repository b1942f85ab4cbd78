// Cells that hold no object but did a moment ago, or are about to: the rest of a run whose owner
// detaches, a cell whose constructor throws, a run that is being claimed. Words on some stack name
// such cells at random, as stale pointers do. Whoever took one for an object would trace what an
// earlier object has left there, and destroy it a second time.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <thread>

#include "elegy/elegy.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

// The addresses between which objects of a test have been made.
class AddressRange {
 public:
  void Note(const void* object) {
    const auto address = reinterpret_cast<std::uintptr_t>(object);
    std::uintptr_t low = low_;
    while (address < low && !low_.compare_exchange_weak(low, address)) {
    }
    std::uintptr_t high = high_;
    while (address > high && !high_.compare_exchange_weak(high, address)) {
    }
  }
  std::uintptr_t At(Random& random) const {
    const std::uintptr_t low = low_;
    const std::uintptr_t high = high_;
    return high <= low ? 0 : low + random.Below(high - low + 1);
  }

 private:
  std::atomic<std::uintptr_t> low_{UINTPTR_MAX};
  std::atomic<std::uintptr_t> high_{0};
};

struct Box {
  Box(std::uint64_t id, Census& census, Box* next_box) : counted(id, census), next(next_box) {}
  void Trace(Visitor& visitor) const {
    EXPECT_NE(counted.id(), 0u) << "traced after its death";
    visitor.Trace(next);
  }

  Counted counted;
  Member<Box> next;
};

struct Refusing {
  explicit Refusing(Census& census) : box(1, census, nullptr) {
    throw std::runtime_error("refused");
  }
  void Trace(Visitor& visitor) const { box.Trace(visitor); }

  Box box;
};

class GivenBackCellsTest : public StressTest {
 public:
  // A mutator whose stack names random cells of `range` runs beside `work`, which other threads do
  // while cycles follow each other.
  void RunBesideStaleWords(const std::function<void(Random&)>& work) {
    constexpr int kWorkers = 3;
    constexpr std::size_t kWords = 256;
    BackToBackCycles cycles(heap());
    std::atomic<int> left{kWorkers};
    RunThreads(kWorkers + 1, [&](int number) {
      Random random(static_cast<std::uint64_t>(number));
      if (number < kWorkers) {
        do {
          work(random);
        } while (cycles.GoOn(Scaled(300), random));
        left--;
        return;
      }
      Mutator mutator(heap());
      volatile std::uintptr_t words[kWords] = {};
      while (left > 0) {
        for (volatile std::uintptr_t& word : words) word = range_.At(random);
        mutator.Safepoint();
        std::this_thread::yield();
      }
    });
  }

  void ExpectNothingDestroyedTwice() {
    CollectEverything();
    EXPECT_GT(census_.made, 0u);
    EXPECT_EQ(census_.destroyed, census_.made);
  }

  AddressRange range_;
  Census census_;
};

TEST_F(GivenBackCellsTest, RunsOfMutatorsThatDetach) {
  RunBesideStaleWords([&](Random& random) {
    Mutator mutator(heap());
    Box* last = nullptr;
    for (std::size_t i = random.Below(20) + 1; i > 0; i--) {
      last = Make<Box>(i, census_, last);
      range_.Note(last);
    }
  });
  ExpectNothingDestroyedTwice();
}

TEST_F(GivenBackCellsTest, CellsWhoseConstructorsThrow) {
  RunBesideStaleWords([&](Random& random) {
    Mutator mutator(heap());
    for (std::size_t i = random.Below(200) + 1; i > 0; i--) {
      EXPECT_THROW(Make<Refusing>(census_), std::runtime_error);
      range_.Note(Make<Box>(i, census_, nullptr));
    }
  });
  ExpectNothingDestroyedTwice();
}

TEST_F(GivenBackCellsTest, RunsThatAreBeingClaimed) {
  RunBesideStaleWords([&](Random&) {
    Mutator mutator(heap());
    // Few at a time: who makes many leaves a heap to sweep that makes each cycle long, and its runs
    // are too many to be hit.
    for (std::size_t i = 0; i < 50; i++) {
      Box* const box = Make<Box>(i + 1, census_, nullptr);
      range_.Note(box);
    }
  });
  ExpectNothingDestroyedTwice();
}

}  // namespace
}  // namespace elegy::test
