// The number that blocks keep of the cycle that last swept them has 32 bits, and begins anew.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "elegy/elegy.h"
#include "src/mutator/mutator_impl.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

class MemoryEpochTest : public HeapTest {
 protected:
  // As if the heap had run so many cycles: there is no block yet.
  MemoryEpochTest() {
    internal::MutatorImpl& impl = internal::CurrentImpl();
    const internal::MutexLock lock(impl.state.mutators_mutex);
    impl.epoch = impl.state.cycle = std::numeric_limits<std::uint32_t>::max() - 1;
  }
};

TEST_F(MemoryEpochTest, MemoryIsUsedAgainWhereTheNumberBeginsAnew) {
  constexpr int kCycles = 4;
  constexpr std::size_t kObjects = 10'000;
  constexpr std::size_t kLarge = std::size_t{1} << 20;
  constexpr std::size_t kSlack = std::size_t{128} << 10;
  Census census;
  std::vector<Persistent<Counted>> living;
  std::vector<Persistent<Array<char>>> large;
  std::vector<Persistent<WeakRef<Counted>>> to_living, to_dead;
  for (int cycle = 0; cycle < kCycles; cycle++) {
    NoInline([&] {
      for (std::size_t i = 0; i < kObjects; i++) {
        auto* const object = Make<Counted>(living.size() + 1, census);
        if (i % 7 == 0) living.emplace_back(object);
        if (i % 70 == 0) to_living.emplace_back(Make<WeakRef<Counted>>(object));
        if (i % 70 == 1) to_dead.emplace_back(Make<WeakRef<Counted>>(object));
      }
      large.emplace_back(MakeArray<char>(kLarge));
      MakeArray<char>(kLarge);
    });
    CollectPrecisely();
    EXPECT_EQ(census.made - census.destroyed, living.size());
    for (std::size_t i = 0; i < living.size(); i++) ASSERT_EQ(living[i]->id(), i + 1);
    for (const auto& ref : to_living) ASSERT_FALSE(ref->IsCleared());
    for (const auto& ref : to_dead) ASSERT_TRUE(ref->IsCleared());
    EXPECT_LT(heap().Stats().live_bytes, (large.size() + 1) * kLarge + living.size() * 100);
  }
  living.clear();
  large.clear();
  to_living.clear();
  to_dead.clear();
  CollectPrecisely();
  EXPECT_EQ(census.made, census.destroyed);
  EXPECT_EQ(heap().Stats().live_bytes, 0u);
  CollectPrecisely();
  EXPECT_LE(heap().Stats().heap_bytes, kSlack);
}

}  // namespace
}  // namespace elegy::test
