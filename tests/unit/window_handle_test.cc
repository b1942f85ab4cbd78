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

}  // namespace
}  // namespace elegy::test
