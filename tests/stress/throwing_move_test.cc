// Values of tables and registries whose moves throw, on any of the ways that they take: the call
// fails as a whole, no value is destroyed that was never made, and none is lost.

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "elegy/elegy.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

// A value whose moves fail once in a while.
struct Brittle {
  struct Failure {};

  Brittle(int number, Census& census) : value(number), counted(&census) { counted->made++; }
  Brittle(Brittle&& other) : value(other.value), counted(other.counted) {
    if (--moves_left == 0) throw Failure();
    counted->made++;
  }
  Brittle(const Brittle& other) : value(other.value), counted(other.counted) { counted->made++; }
  ~Brittle() { counted->destroyed++; }

  static thread_local int moves_left;  // until one fails

  int value;
  Census* counted;
};
thread_local int Brittle::moves_left = 0;

}  // namespace
}  // namespace elegy::test

template <>
inline constexpr bool elegy::kHasNoSlots<elegy::test::Brittle> = true;

namespace elegy::test {
namespace {

class ThrowingMoveTest : public StressTest {
 public:
  using Registry = FinalizationRegistry<Brittle>;
  using Map = IterableWeakMap<Counted, Brittle>;

  // Calls f, which must not use values, with a move that may fail; whether none did.
  template <class F>
  bool Try(Random& random, F&& f) {
    Brittle::moves_left = static_cast<int>(random.Below(6));
    bool done = false;
    try {
      done = f();
    } catch (const Brittle::Failure&) {
    }
    Brittle::moves_left = 0;
    return done;
  }

  void ExpectNothingLeft() {
    CollectEverything();
    EXPECT_EQ(census_.made, census_.destroyed);
    EXPECT_GT(values_.made, 0u);
    EXPECT_EQ(values_.made, values_.destroyed);
  }

  Census census_;
  Census values_;
};

TEST_F(ThrowingMoveTest, HeldValues) {
  std::atomic<std::uint64_t> registered{0}, delivered{0}, cancelled{0};
  {
    BackToBackCycles cycles(heap());
    RunThreads(3, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      const auto registry = Persistent(Make<Registry>([&](const Brittle&) { delivered++; }));
      const auto token = Persistent(Make<Counted>(6, census_));
      for (std::size_t i = 0; i < Scaled(5000) && cycles.GoOn(SIZE_MAX, random); i++) {
        Counted* const target = Make<Counted>(5, census_);
        Brittle value(1, values_);
        const bool has_token = random.OneIn(2);
        const bool done = Try(random, [&] {
          return has_token ? registry->Register(target, std::move(value), token).ok()
                           : registry->Register(target, std::move(value)).ok();
        });
        registered += done ? 1 : 0;
        if (has_token) {
          const bool found = *registry->Unregister(token);
          EXPECT_EQ(found, done);
          cancelled += found ? 1 : 0;
        }
        KeepAlive(target);
        mutator.EndTurn();
      }
      mutator.EndTurn(StackState::kNoPointers);
      heap().Collect(StackState::kNoPointers);
      mutator.Safepoint();
    });
  }
  ExpectNothingLeft();
  const HeapStats stats = heap().Stats();
  EXPECT_EQ(stats.records_registered, registered);
  EXPECT_EQ(stats.records_delivered, delivered);
  EXPECT_EQ(stats.records_cancelled, cancelled);
  EXPECT_EQ(delivered + cancelled + stats.records_dropped, registered);
}

TEST_F(ThrowingMoveTest, MappedValues) {
  constexpr std::size_t kKeys = 50;
  {
    BackToBackCycles cycles(heap());
    RunThreads(3, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      const auto map = Persistent(Make<Map>());
      const auto keys = Persistent(MakeArray<Member<Counted>>(kKeys));
      for (std::size_t i = 0; i < Scaled(20'000) && cycles.GoOn(SIZE_MAX, random); i++) {
        if (HasFatalFailure()) return;
        Member<Counted>& place = (*keys)[random.Below(kKeys)];
        if (!place || random.OneIn(4)) place = Make<Counted>(5, census_);
        Counted* const key = place;
        const int number = static_cast<int>(random.Below(1000));
        Brittle value(number, values_);
        const bool had = map->Has(key);
        const bool done = Try(random, [&] { return map->Set(key, std::move(value)).ok(); });
        const auto found = map->Get(key);
        if (done) {
          ASSERT_TRUE(found.has_value());
          ASSERT_EQ(found->value, number);
        } else {
          ASSERT_TRUE(had || !found.has_value()) << "an entry that was never set";
        }
        if (random.OneIn(8)) map->Delete(key);
      }
    });
  }
  ExpectNothingLeft();
}

}  // namespace
}  // namespace elegy::test
