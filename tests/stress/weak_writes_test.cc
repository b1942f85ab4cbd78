// Weak cells and weak tables of objects that the marker will not look at again, written by a
// mutator that has not been scanned yet: what it stored there may die in this very cycle.

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/actor.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

using Target = Counted;
using Map = IterableWeakMap<Target, int>;
using Cache = WeakCache<int, Target>;

struct Holder {
  WeakMember<Target> weak;
};
struct Shelf {
  Member<Holder> holder;
  Member<Map> map;
  Member<Cache> cache;
  Member<Array<WeakMember<Target>>> array;
  Vector<WeakMember<Target>> vector;
};

class WeakWritesTest : public StressTest {
 public:
  // Runs `make` on a mutator that has been scanned, and so allocates black; then `write`, with a
  // new white target, on one that has not, which drops the target before it is scanned.
  void WriteBetweenScans(const std::function<void()>& make,
                         const std::function<void(Target*)>& write) {
    // A free run of targets is at hand: making one answers no handshake.
    writer_.Do([&] { Make<Target>(1, census_); });
    CycleStepper stepper(heap());
    stepper.AdvanceTo(CycleStep::kBarrierOn);
    writer_.StandStill();
    const std::uint64_t before = Answers(heap(), 2);
    std::thread collector([&] { stepper.AdvanceTo(CycleStep::kStacksScanned); });
    AwaitAnswers(heap(), 2, before + 1);
    maker_.Do(make);
    writer_.Do([&] { write(Make<Target>(2, census_)); });
    writer_.Poll();
    collector.join();
    stepper.FinishCycle();
    heap().Collect();
    EXPECT_EQ(census_.destroyed, 2u);
  }

  Persistent<Shelf> MakeShelf() {
    Persistent<Shelf> shelf;
    maker_.Do([&] { shelf = Make<Shelf>(); });
    return shelf;
  }

  void OnMaker(const std::function<void()>& f) { maker_.Do(f); }

 private:
  Census census_;
  Actor maker_{heap()};
  Actor writer_{heap()};
};

TEST_F(WeakWritesTest, WeakMemberOfABlackObject) {
  const Persistent<Shelf> shelf = MakeShelf();
  WriteBetweenScans([&] { shelf->holder = Make<Holder>(); },
                    [&](Target* target) { shelf->holder->weak = target; });
  OnMaker([&] { EXPECT_EQ(shelf->holder->weak.Get(), nullptr); });
}

TEST_F(WeakWritesTest, WeakMemberInABlackArray) {
  const Persistent<Shelf> shelf = MakeShelf();
  WriteBetweenScans([&] { shelf->array = MakeArray<WeakMember<Target>>(3); },
                    [&](Target* target) { (*shelf->array)[1] = target; });
  OnMaker([&] { EXPECT_EQ((*shelf->array)[1].Get(), nullptr); });
}

// On its way into the vector the weak cell is a parameter, which is gone when cells are cleared.
TEST_F(WeakWritesTest, WeakMemberPushedToAVector) {
  const Persistent<Shelf> shelf = MakeShelf();
  WriteBetweenScans([&] { shelf->vector.reserve(4); },
                    [&](Target* target) { shelf->vector.push_back(target); });
  OnMaker([&] { EXPECT_EQ(shelf->vector[0].Get(), nullptr); });
}

TEST_F(WeakWritesTest, KeyOfABlackMap) {
  const Persistent<Shelf> shelf = MakeShelf();
  WriteBetweenScans([&] { shelf->map = Make<Map>(); },
                    [&](Target* target) { EXPECT_TRUE(shelf->map->Set(target, 7).ok()); });
  OnMaker([&] {
    EXPECT_EQ(shelf->map->size(), 0u);
    shelf->map->ForEach([](Target*, int) { ADD_FAILURE() << "a dead key"; });
  });
}

TEST_F(WeakWritesTest, EntryOfABlackCache) {
  const Persistent<Shelf> shelf = MakeShelf();
  WriteBetweenScans(
      [&] { shelf->cache = Make<Cache>(); },
      [&](Target* target) { shelf->cache->GetOrMake(5, [&](int) { return target; }); });
  OnMaker([&] {
    EXPECT_EQ(shelf->cache->Get(5), nullptr);
    EXPECT_EQ(shelf->cache->size(), 0u);
  });
}

}  // namespace
}  // namespace elegy::test
