// Weak reads of all kinds by several threads while marking ends: an object, and whatever dies with
// it, is dead for everybody from one instant on, and what has been read is whole and stays.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

struct Target {
  Target(std::uint64_t id, Census& census) : counted(id, census) {}
  void Trace(Visitor& visitor) const { visitor.Trace(other); }

  Counted counted;
  Member<Target> other;
};
struct Holder {
  WeakMember<Target> weak;
};

using Cache = WeakCache<std::uint64_t, Target>;
using Map = IterableWeakMap<Target, int>;
using Registry = FinalizationRegistry<std::uint64_t>;

// Ways to find out whether a target lives. Some hand it out, some only answer.
enum class Kind {
  kDeref,
  kIsCleared,
  kMember,
  kPersistent,
  kCache,
  kWalk,
  kCount,
  kCallback,
};
constexpr std::size_t kKinds = 8;

// A target with a weak view of each kind.
class Views {
 public:
  // The target dies with `other`, when nothing refers to the two any more.
  void Watch(Target* target, std::uint64_t id, Registry& registry, Cache& cache) {
    id_ = id;
    ref_ = Make<WeakRef<Target>>(target);
    holder_ = Make<Holder>(target);
    persistent_ = target;
    map_ = Make<Map>();
    ASSERT_TRUE(map_->Set(target, 1).ok());
    cache_ = &cache;
    cache.GetOrMake(id, [&](std::uint64_t) { return target; });
    ASSERT_TRUE(registry.Register(target, std::uint64_t{id}).ok());
  }

  // Whether the target is alive as this kind of view sees it. A callback that has not come says
  // nothing, so it counts as alive.
  bool IsAlive(Kind kind) const {
    switch (kind) {
      case Kind::kDeref:
        return IsWhole(ref_->Deref());
      case Kind::kIsCleared:
        return !ref_->IsCleared();
      case Kind::kMember:
        return IsWhole(holder_->weak.Get());
      case Kind::kPersistent:
        return IsWhole(persistent_.Get());
      case Kind::kCache:
        return IsWhole(cache_->Get(id_));
      case Kind::kWalk: {
        bool alive = false;
        map_->ForEach([&](const Target* target, int) { alive = IsWhole(target); });
        return alive;
      }
      case Kind::kCount:
        return map_->size() == 1;
      default:
        return !called_back_;
    }
  }

  void CallBack() { EXPECT_FALSE(called_back_.exchange(true)); }

 private:
  bool IsWhole(const Target* target) const {
    if (target == nullptr) return false;
    EXPECT_EQ(target->counted.id(), id_);
    EXPECT_EQ(target->other->other, target);
    return true;
  }

  std::uint64_t id_ = 0;
  Persistent<WeakRef<Target>> ref_;
  Persistent<Holder> holder_;
  WeakPersistent<Target> persistent_;
  Persistent<Map> map_;
  Cache* cache_ = nullptr;
  std::atomic<bool> called_back_{false};
};

// Two targets that refer to each other, and so die together.
struct Couple {
  std::array<Views, 2> views;
  // Some thread has seen one of them dead.
  std::atomic<bool> dead{false};
};

class WeakStormTest : public StressTest {
 public:
  // Makes couples to which only `strong_` refers, and weak views.
  void MakeCouples(std::size_t count) {
    couples_ = std::vector<Couple>(count);
    RunThreads(1, [&](int) {
      Mutator mutator(heap());
      RegistryOptions options;
      options.run_on = RegistryOptions::RunOn::kAnyMutator;
      registry_ = Make<Registry>(
          [this](std::uint64_t id) { couples_[id / 2 - 1].views[id % 2].CallBack(); },
          std::move(options));
      cache_ = Make<Cache>();
      strong_ = MakeArray<AtomicMember<Target>>(count);
      for (std::size_t i = 0; i < count; i++) {
        const std::uint64_t id = 2 * i + 2;
        Target* const one = Make<Target>(id, census_);
        Target* const other = Make<Target>(id + 1, census_);
        one->other = other;
        other->other = one;
        (*strong_)[i].store(one);
        couples_[i].views[0].Watch(one, id, *registry_, *cache_);
        couples_[i].views[1].Watch(other, id + 1, *registry_, *cache_);
      }
    });
  }

  void ExpectAllDead() {
    strong_ = nullptr;
    CollectEverything();
    EXPECT_GT(census_.made, 0u);
    EXPECT_EQ(census_.made, census_.destroyed);
    RunThreads(1, [&](int) {
      Mutator mutator(heap());
      mutator.Safepoint();
      for (const Couple& couple : couples_) {
        for (std::size_t kind = 0; kind < kKinds; kind++) {
          ASSERT_FALSE(couple.views[0].IsAlive(static_cast<Kind>(kind))) << kind;
          ASSERT_FALSE(couple.views[1].IsAlive(static_cast<Kind>(kind))) << kind;
        }
      }
      EXPECT_EQ(cache_->size(), 0u);
    });
    couples_.clear();
  }

  Census census_;
  std::vector<Couple> couples_;
  Persistent<Registry> registry_;
  Persistent<Cache> cache_;
  Persistent<Array<AtomicMember<Target>>> strong_;
};

TEST_F(WeakStormTest, OneInstantForAllViewsOfAllThreads) {
  constexpr std::size_t kCouples = 100;
  constexpr int kReads = 3000;
  std::atomic<std::uint64_t> pairs_seen_dead{0};
  for (std::size_t round = 0; round < Scaled(24); round++) {
    MakeCouples(kCouples);
    BackToBackCycles cycles(heap());
    RunThreads(4, [&](int thread) {
      Random random(round * 4 + static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      for (int i = 0; i < kReads || pairs_seen_dead == 0; i++) {
        if (!cycles.GoOn(SIZE_MAX, random) || HasFatalFailure()) return;
        if (i >= kReads) {
          // All may be read in every cycle, and so live on: from now on more seldom.
          mutator.EndTurn(StackState::kNoPointers);
          const BlockingRegion region(mutator);
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        const std::size_t index = random.Below(kCouples);
        if (random.OneIn(32)) (*strong_)[index].store(nullptr);
        Couple& couple = couples_[index];
        const std::size_t first = random.Below(kKinds);
        const std::size_t second = random.Below(kKinds - 1);  // not a callback
        const std::size_t side = random.Below(2);
        const bool was_dead = couple.dead;
        if (!NoInline([&] { return couple.views[side].IsAlive(static_cast<Kind>(first)); })) {
          couple.dead = true;
          const bool is_alive =
              NoInline([&] { return couple.views[1 - side].IsAlive(static_cast<Kind>(second)); });
          ASSERT_FALSE(is_alive) << "kinds " << first << " and " << second;
          pairs_seen_dead++;
        } else {
          ASSERT_TRUE(!was_dead || first == static_cast<std::size_t>(Kind::kCallback))
              << "kind " << first << " reads what another thread has seen dead";
        }
        if (random.OneIn(8)) mutator.EndTurn();
      }
    });
    ExpectAllDead();
  }
  EXPECT_GT(pairs_seen_dead, 0u);
}

// What a thread has read by Deref is alive to the end of its turn for everybody, though it keeps no
// pointer to it.
TEST_F(WeakStormTest, WhatWasReadStaysToTheEndOfTheTurn) {
  constexpr std::size_t kCouples = 200;
  for (std::size_t round = 0; round < Scaled(12); round++) {
    MakeCouples(kCouples);
    std::atomic<std::uint64_t> kept{0};
    BackToBackCycles cycles(heap());
    RunThreads(4, [&](int thread) {
      Random random(round * 4 + static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      for (int turn = 0; turn < 60 && !HasFatalFailure(); turn++) {
        const std::size_t index = random.Below(kCouples);
        (*strong_)[index].store(nullptr);
        const Views& views = couples_[index].views[random.Below(2)];
        if (NoInline([&] { return views.IsAlive(Kind::kDeref); })) {
          kept++;
          ScrubStack();
          for (std::size_t polls = random.Below(30); polls > 0; polls--) {
            mutator.Safepoint();
            std::this_thread::yield();
            const std::size_t kind = random.Below(kKinds);
            ASSERT_TRUE(NoInline([&] { return views.IsAlive(static_cast<Kind>(kind)); }))
                << "kind " << kind;
          }
        }
        mutator.EndTurn(StackState::kNoPointers);
      }
    });
    EXPECT_GT(kept, 0u);
    ExpectAllDead();
  }
}

// Some threads let targets go, others bring them back by a slot; while one is there it is alive for
// everybody.
TEST_F(WeakStormTest, WhatIsBroughtBackIsBackForEverybody) {
  constexpr std::size_t kCouples = 50;
  std::atomic<std::uint64_t> brought_back{0};
  for (std::size_t round = 0; round < Scaled(12); round++) {
    MakeCouples(kCouples);
    BackToBackCycles cycles(heap());
    RunThreads(4, [&](int thread) {
      Random random(round * 4 + static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      for (int i = 0; i < 3000 && cycles.GoOn(SIZE_MAX, random) && !HasFatalFailure(); i++) {
        const std::size_t index = random.Below(kCouples);
        AtomicMember<Target>& slot = (*strong_)[index];
        if (random.OneIn(4)) {
          slot.store(nullptr);
        } else if (Target* const target = slot.load()) {
          ASSERT_EQ(target->counted.id(), 2 * index + 2);
          const std::size_t kind = random.Below(kKinds);
          ASSERT_TRUE(couples_[index].views[random.Below(2)].IsAlive(static_cast<Kind>(kind)))
              << "kind " << kind;
          KeepAlive(target);
        } else if (Target* const found = cache_->Get(2 * index + 2)) {
          slot.store(found);
          brought_back++;
        }
        if (random.OneIn(8)) mutator.EndTurn();
      }
    });
    ExpectAllDead();
  }
  EXPECT_GT(brought_back, 0u);
}

}  // namespace
}  // namespace elegy::test
