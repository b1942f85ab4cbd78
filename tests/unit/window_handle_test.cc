// Handles at single steps of a cycle. What a thread that is not attached drops while marking ends
// lives to the end of this cycle, and no longer; a weak handle that was read before the cycle reads
// null from the flip on.

#include <gtest/gtest.h>

#include <cstdint>
#include <thread>

#include "elegy/elegy.h"
#include "tests/support/actor.h"
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

class WindowHandleReadTest : public ::testing::Test {
 protected:
  WindowHandleReadTest() {
    actor_.Do([this] {
      handle_ = Make<Counted>(1, census_);
      EXPECT_NE(handle_.Get(), nullptr);
      EXPECT_NE(handle_.Get(), nullptr);
    });
  }

  Census census_;
  Heap heap_;  // not verified: the verifier would wait for a mutator that is held
  WeakPersistent<Counted> handle_;
  Actor actor_{heap_};
};

TEST_F(WindowHandleReadTest, IsNullFromTheFlipOn) {
  HeldPoint flipped(ChaosPointOf("flipped"));
  std::thread collector([this] { heap_.Collect(); });
  flipped.Await();
  actor_.Do([this] { EXPECT_EQ(handle_.Get(), nullptr); });
  flipped.Release();
  collector.join();
  EXPECT_EQ(census_.destroyed, 1u);
}

TEST_F(WindowHandleReadTest, IsNullWhenTheNextPhaseIdleHasItsNumber) {
  HeldPoint numbered(ChaosPointOf("idle numbered, phase closed"));
  std::thread collector([this] { heap_.Collect(); });
  numbered.Await();
  actor_.Do([this] { EXPECT_EQ(handle_.Get(), nullptr); });
  numbered.Release();
  collector.join();
  EXPECT_EQ(census_.destroyed, 1u);
}

TEST_F(WindowHandleReadTest, IsNullIfItOutlastsTheClearing) {
  HeldPoint cleared(ChaosPointOf("cleared, nothing queued"));
  std::thread collector([this] { heap_.Collect(); });
  cleared.Await();
  HeldPoint reading(ChaosPointOf("phase read, number not read"));
  const Counted* read = nullptr;
  actor_.Start([&] { read = handle_.Get(); });
  reading.Await();
  HeldPoint idle(ChaosPointOf("reads not ended"));
  cleared.Release();
  idle.Await();
  reading.Release();
  actor_.Await();
  EXPECT_EQ(read, nullptr);
  idle.Release();
  collector.join();
}

}  // namespace
}  // namespace elegy::test
