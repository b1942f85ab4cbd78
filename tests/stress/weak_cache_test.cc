// A cache with a budget, used by many threads while cycles run: what it holds is alive, what it
// lets go dies, and what the threads do meanwhile disturbs neither.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>

#include "elegy/elegy.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

struct Item {
  Item(std::uint64_t id, Census& census, Item* part_of_it)
      : counted(id, census), part(part_of_it) {}
  void Trace(Visitor& visitor) const { visitor.Trace(part); }

  Counted counted;
  Member<Item> part;  // kept by the item alone
};
using Cache = WeakCache<std::uint64_t, Item>;

class WeakCacheStressTest : public StressTest {
 public:
  // A part has its item's id and this bit.
  static constexpr std::uint64_t kIsPart = std::uint64_t{1} << 40;
  static constexpr std::uint64_t kKeys = 10'000;
  static constexpr std::size_t kHeld = 100;

  Item* MakeItem(std::uint64_t key) {
    Item* const part = Make<Item>((key + 1) | kIsPart, census_, nullptr);
    return Make<Item>(key + 1, census_, part);
  }

  Census census_;
};

TEST_F(WeakCacheStressTest, WhatTheBudgetHoldsStaysWhole) {
  Persistent<Cache> cache;
  RunThreads(1, [&](int) {
    Mutator mutator(heap());
    cache = Make<Cache>(WeakCacheOptions<Item>{
        .budget_bytes = kHeld, .bytes_of = [](const Item&) { return std::size_t{1}; }});
    for (std::uint64_t key = 0; key <= kHeld; key++) {
      cache->GetOrMake(key, [&](std::uint64_t) { return MakeItem(key); });
    }
  });
  {
    BackToBackCycles cycles(heap());
    RunThreads(4, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      while (cycles.GoOn(Scaled(50), random)) {
        const std::uint64_t key = random.Below(kKeys);
        const Item* const item =
            random.OneIn(2) ? cache->Get(key)
                            : cache->GetOrMake(key, [&](std::uint64_t) { return MakeItem(key); });
        if (item == nullptr) continue;
        ASSERT_EQ(item->counted.id(), key + 1);
        ASSERT_EQ(item->part->counted.id(), (key + 1) | kIsPart);
        if (random.OneIn(8)) mutator.EndTurn();
      }
    });
  }
  CollectEverything();
  RunThreads(1, [&](int) {
    Mutator mutator(heap());
    EXPECT_EQ(cache->size(), kHeld);
    EXPECT_EQ(census_.made - census_.destroyed, 2 * kHeld);
  });
  cache = nullptr;
  CollectEverything();
  EXPECT_EQ(census_.made, census_.destroyed);
}

}  // namespace
}  // namespace elegy::test
