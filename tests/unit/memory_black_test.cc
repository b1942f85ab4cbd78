// What is made after its mutator's scan lives to the cycle's end, though only the stack, which is
// not scanned again, refers to it.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

std::atomic<int> g_destroyed{0};

template <std::size_t kBytes>
struct Sized {
  ~Sized() { g_destroyed++; }

  std::array<char, kBytes> bytes = {};
};

using Small = Sized<24>;
using Large = Sized<100'000>;

}  // namespace
}  // namespace elegy::test

namespace elegy {
template <std::size_t kBytes>
inline constexpr bool kHasNoSlots<test::Sized<kBytes>> = true;
}  // namespace elegy

namespace elegy::test {
namespace {

class MemoryBlackTest : public HeapTest {
 protected:
  template <class Make>
  void ExpectLivesToTheCyclesEnd(Make&& make) {
    g_destroyed = 0;
    CycleStepper stepper(heap());
    stepper.AdvanceTo(CycleStep::kStacksScanned);
    auto* const made = make();
    stepper.AdvanceTo(CycleStep::kSwept);
    EXPECT_EQ(g_destroyed, 0);
    KeepAlive(made);
  }
};

TEST_F(MemoryBlackTest, SmallObjects) {
  ExpectLivesToTheCyclesEnd([] { return Make<Small>(); });
}

TEST_F(MemoryBlackTest, LargeObjects) {
  ExpectLivesToTheCyclesEnd([] { return Make<Large>(); });
}

TEST_F(MemoryBlackTest, Arrays) {
  ExpectLivesToTheCyclesEnd([] { return MakeArray<Small>(3); });
}

TEST_F(MemoryBlackTest, LargeArrays) {
  ExpectLivesToTheCyclesEnd([] { return MakeArray<Small>(10'000); });
}

}  // namespace
}  // namespace elegy::test
