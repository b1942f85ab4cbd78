// Registrations made, cancelled, run and delivered by several threads while targets, registries and
// home threads come and go: each record ends in exactly one way, and the counters know which.

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

struct Target {
  std::uint64_t value = 0;
};

using RunOn = RegistryOptions::RunOn;

RegistryOptions On(RunOn run_on) {
  RegistryOptions options;
  options.run_on = run_on;
  return options;
}

// What has become of a record.
struct Outcome {
  std::atomic<int> delivered{0};
  std::atomic<int> cancelled{0};  // by who was told so
};

// A held value that counts itself.
struct Held {
  Held(Outcome& of, Census& counted) : outcome(&of), census(&counted) { census->made++; }
  Held(Held&& other) noexcept : outcome(other.outcome), census(other.census) { census->made++; }
  ~Held() { census->destroyed++; }

  Outcome* outcome;
  Census* census;
};

}  // namespace
}  // namespace elegy::test

template <>
inline constexpr bool elegy::kHasNoSlots<elegy::test::Held> = true;

namespace elegy::test {
namespace {

using Registry = FinalizationRegistry<Held>;

class RegistryStressTest : public StressTest {
 public:
  Registry* NewRegistry(RunOn run_on) {
    return Make<Registry>([](const Held& held) { held.outcome->delivered++; }, On(run_on));
  }

  // All that is left dies and is delivered; the mutator that does so is nobody's home.
  void DeliverAll() {
    CollectEverything();
    RunThreads(1, [&](int) {
      Mutator mutator(heap());
      mutator.Safepoint();
    });
  }

  // Every outcome is right; how many records were dropped is what the others leave.
  void ExpectEnds(const std::vector<Outcome>& outcomes, std::uint64_t registered) {
    std::uint64_t delivered = 0;
    std::uint64_t cancelled = 0;
    for (std::size_t i = 0; i < outcomes.size(); i++) {
      const Outcome& one = outcomes[i];
      ASSERT_LE(one.delivered + one.cancelled, 1) << "record " << i;
      delivered += static_cast<std::uint64_t>(one.delivered);
      cancelled += static_cast<std::uint64_t>(one.cancelled);
    }
    const HeapStats stats = heap().Stats();
    EXPECT_EQ(stats.records_registered, registered);
    EXPECT_EQ(stats.records_delivered, delivered);
    EXPECT_EQ(stats.records_cancelled, cancelled);
    EXPECT_EQ(stats.records_delivered + stats.records_cancelled + stats.records_dropped,
              registered);
    EXPECT_LE(stats.records_queued, registered);
    EXPECT_EQ(stats.external_bytes, 0u);
    EXPECT_EQ(held_.made, held_.destroyed);
  }

  Census held_;
};

class RegistryRaceStressTest : public RegistryStressTest,
                               public ::testing::WithParamInterface<RunOn> {};

INSTANTIATE_TEST_SUITE_P(On, RegistryRaceStressTest,
                         ::testing::Values(RunOn::kHomeMutator, RunOn::kAnyMutator),
                         [](const auto& tested) {
                           return std::string(tested.param == RunOn::kAnyMutator ? "AnyMutator"
                                                                                 : "HomeMutator");
                         });

// Handles and tokens go from thread to thread; whoever has one cancels or runs the record, while it
// may be delivered at any time.
TEST_P(RegistryRaceStressTest, EveryRecordEndsInOneWay) {
  constexpr int kThreads = 4;
  struct Shared {
    std::mutex mutex;
    Registration handle;
    Outcome* outcome = nullptr;
    Persistent<Target> target;  // also its token
  };
  const std::size_t each = Scaled(12'000);
  std::vector<Outcome> outcomes(each * kThreads);
  std::vector<Shared> shared(64);
  Persistent<Array<Member<Registry>>> registries;
  RunThreads(1, [&](int) {
    Mutator mutator(heap());
    registries = MakeArray<Member<Registry>>(kThreads);
  });
  {
    BackToBackCycles cycles(heap());
    RunThreads(kThreads, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      const auto first = static_cast<std::size_t>(thread) * each;
      (*registries)[static_cast<std::size_t>(thread)] = NewRegistry(GetParam());
      for (std::size_t i = 0; i < each && cycles.GoOn(SIZE_MAX, random); i++) {
        Registry* const registry = (*registries)[random.Below(kThreads)];
        if (registry == nullptr) {
          i--;
          continue;
        }
        Outcome& outcome = outcomes[first + i];
        Target* const target = Make<Target>();
        RegisterOptions options;
        options.external_bytes = random.Below(100);
        if (random.OneIn(2)) {
          ASSERT_TRUE(registry->Register(target, Held(outcome, held_), target, options).ok());
          if (random.OneIn(3) && *registry->Unregister(target)) outcome.cancelled++;
        } else {
          Registration handle = *registry->Track(target, Held(outcome, held_), options);
          Shared& place = shared[random.Below(shared.size())];
          const std::lock_guard lock(place.mutex);
          // What stood there may be live, queued or running. RunNow would run it under the lock,
          // which a callback of this test does not need.
          const std::size_t what = random.Below(3);
          if (what == 0 && place.handle.Cancel()) place.outcome->cancelled++;
          if (what == 1) place.handle.RunNow();
          place.handle = std::move(handle);
          place.outcome = &outcome;
          place.target = random.OneIn(2) ? target : nullptr;
        }
        if (random.OneIn(16)) mutator.EndTurn();
        if (random.OneIn(64)) registry->CleanupSome(random.Below(4));
      }
    });
  }
  for (Shared& place : shared) place.target = nullptr;
  DeliverAll();
  ExpectEnds(outcomes, each * kThreads);
  EXPECT_EQ(heap().Stats().records_dropped, 0u);
}

// Registries die with live and queued registrations, some of them while handles are used.
TEST_P(RegistryRaceStressTest, RegistriesDieWithRegistrations) {
  constexpr std::size_t kRecords = 10;
  constexpr int kThreads = 4;
  const std::size_t rounds = Scaled(1500);
  std::vector<Outcome> outcomes(kThreads * rounds * kRecords);
  {
    BackToBackCycles cycles(heap());
    RunThreads(kThreads, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      std::vector<Persistent<Target>> targets;
      std::vector<std::pair<Registration, Outcome*>> handles;
      for (std::size_t round = 0; round < rounds && cycles.GoOn(SIZE_MAX, random); round++) {
        NoInline([&] {
          Registry* const registry = NewRegistry(GetParam());
          const std::size_t number = static_cast<std::size_t>(thread) * rounds + round;
          for (std::size_t i = 0; i < kRecords; i++) {
            Outcome& outcome = outcomes[number * kRecords + i];
            Target* const target = Make<Target>();
            handles.emplace_back(*registry->Track(target, Held(outcome, held_)), &outcome);
            if (random.OneIn(2)) targets.emplace_back(target);
          }
        });
        if (random.OneIn(4)) targets.clear();
        if (random.OneIn(4)) mutator.EndTurn(StackState::kNoPointers);
        while (handles.size() > 40) {
          std::swap(handles.back(), handles[random.Below(handles.size())]);
          auto& [handle, outcome] = handles.back();
          if (random.OneIn(3) && handle.Cancel()) outcome->cancelled++;
          if (random.OneIn(3)) handle.RunNow();
          handles.pop_back();
        }
      }
    });
  }
  DeliverAll();
  ExpectEnds(outcomes, outcomes.size());
  EXPECT_GT(heap().Stats().records_dropped, 0u);
}

// Homes go while others register with their registries and while records are queued for them.
TEST_F(RegistryStressTest, HomeThreadsExit) {
  constexpr int kThreads = 4;
  constexpr std::size_t kRegistries = 8;
  const std::size_t visits = Scaled(1200);
  constexpr std::size_t kRecords = 10;
  std::vector<Outcome> outcomes(kThreads * visits * kRecords);
  Persistent<Array<Member<Registry>>> registries;
  RunThreads(1, [&](int) {
    Mutator mutator(heap());
    registries = MakeArray<Member<Registry>>(kRegistries);
    for (Member<Registry>& one : *registries) one = NewRegistry(RunOn::kHomeMutator);
  });
  std::vector<Persistent<Registry>> all(registries->begin(), registries->end());
  std::mutex all_mutex;
  {
    BackToBackCycles cycles(heap());
    RunThreads(kThreads, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      for (std::size_t visit = 0; visit < visits && cycles.GoOn(SIZE_MAX, random); visit++) {
        Mutator mutator(heap());
        if (random.OneIn(4)) {
          Registry* const mine = NewRegistry(RunOn::kHomeMutator);
          (*registries)[random.Below(kRegistries)] = mine;
          const std::lock_guard lock(all_mutex);
          all.emplace_back(mine);
        }
        const std::size_t number = static_cast<std::size_t>(thread) * visits + visit;
        for (std::size_t i = 0; i < kRecords; i++) {
          Registry* const registry = (*registries)[random.Below(kRegistries)];
          Outcome& outcome = outcomes[number * kRecords + i];
          ASSERT_TRUE(registry->Register(Make<Target>(), Held(outcome, held_)).ok());
        }
        if (random.OneIn(2)) mutator.Safepoint();
      }
    });
  }
  DeliverAll();
  all.clear();
  ExpectEnds(outcomes, outcomes.size());
  EXPECT_EQ(heap().Stats().records_delivered, outcomes.size());
}

// All in one cycle, and then from one queue by several threads.
TEST_F(RegistryStressTest, HundredsOfThousandsDieInOneCycle) {
  const std::size_t records = Scaled(300'000);
  std::vector<Outcome> outcomes(records);
  Persistent<Registry> registry;
  RunThreads(1, [&](int) {
    Mutator mutator(heap());
    registry = NewRegistry(RunOn::kAnyMutator);
    const auto targets = Persistent(MakeArray<Member<Target>>(records));
    for (std::size_t i = 0; i < records; i++) {
      (*targets)[i] = Make<Target>();
      ASSERT_TRUE(registry->Register((*targets)[i], Held(outcomes[i], held_)).ok());
    }
    mutator.EndTurn();
    EXPECT_EQ(heap().Stats().records_queued, 0u);
  });
  heap().Collect();
  EXPECT_EQ(heap().Stats().records_queued, records);
  {
    BackToBackCycles cycles(heap());
    RunThreads(4, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      for (std::size_t ran = 1; ran > 0 && cycles.GoOn(SIZE_MAX, random);) {
        const std::size_t most = random.Below(500) + 1;
        ran = random.OneIn(2) ? mutator.DrainFinalization(most) : registry->CleanupSome(most);
      }
    });
  }
  ExpectEnds(outcomes, records);
  for (const Outcome& one : outcomes) ASSERT_EQ(one.delivered, 1);
}

}  // namespace
}  // namespace elegy::test
