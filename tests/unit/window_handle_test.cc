// A thread that is not attached drops a handle while marking ends. What it held lives to the end of
// this cycle, and no longer.

#include <gtest/gtest.h>

#include <cstdint>
#include <thread>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/held_point.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using internal::ChaosPointOf;

class WindowHandleTest : public ::testing::Test {
 protected:
  void DropAt(std::uint64_t point) {
    {
      const Mutator mutator(heap_);
      handle_ = Make<Counted>(1, census_);
    }
    HeldPoint held(point);
    std::thread collector([this] { heap_.Collect(); });
    held.Await();
    handle_ = nullptr;
    held.Release();
    collector.join();
    EXPECT_EQ(census_.destroyed, 0u);
    heap_.Collect();
    EXPECT_EQ(census_.destroyed, 1u);
  }

 private:
  Census census_;
  Heap heap_{TestOptions()};
  Persistent<Counted> handle_;
};

TEST_F(WindowHandleTest, NothingIsLeftToMark) { DropAt(ChaosPointOf("nothing left to mark")); }

TEST_F(WindowHandleTest, TheRoundIsOver) { DropAt(ChaosPointOf("round answered")); }

TEST_F(WindowHandleTest, TheFlipIsNext) { DropAt(ChaosPointOf("about to flip")); }

// A thread that is not attached makes and drops a handle in each round. Of an object that is marked
// that says nothing new, and the cycle ends.
class Dropper {
 public:
  static constexpr int kMost = 100;

  explicit Dropper(Heap& heap) {
    const Mutator mutator(heap);
    rooted_ = Make<Counted>(1, census_);
  }
  ~Dropper() { internal::AtNextPassage(0, nullptr, nullptr); }

  void Watch() { internal::AtNextPassage(ChaosPointOf("resurrections read"), &Drop, this); }
  int passages() const { return passages_; }

 private:
  static void Drop(void* dropper) { static_cast<Dropper*>(dropper)->Drop(); }
  void Drop() {
    if (++passages_ == kMost) return;
    { const Persistent<Counted> copy(rooted_); }
    Watch();
  }

  Census census_;
  Persistent<Counted> rooted_;
  int passages_ = 0;
};

TEST(WindowHandleRoundsTest, HandlesToWhatIsMarkedDoNotHoldUpTheEnd) {
  Heap heap(TestOptions());
  Dropper dropper(heap);
  dropper.Watch();
  heap.Collect();
  EXPECT_GE(dropper.passages(), 1);
  EXPECT_LT(dropper.passages(), 5);
}

}  // namespace
}  // namespace elegy::test
