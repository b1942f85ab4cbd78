// The scheduler itself: that it finds what small programs can do wrong, all of it, and tells.

#include "tests/interleave/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <utility>

#include "elegy/internal/mutex.h"
#include "src/platform/platform.h"
#include "tests/interleave/explore.h"

namespace elegy::interleave {
namespace {

using internal::Condition;
using internal::Mutex;
using internal::MutexLock;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

// A counter that two threads increase by a load and a store.
void IncreaseTwice(int& result) {
  std::atomic<int> counter{0};
  const auto increase = [&] { counter.store(counter.load() + 1); };
  Together({increase, increase});
  result = counter.load();
}

TEST(SchedulerTest, FindsEveryOutcome) {
  std::set<int> results;
  const Exploration all = Explore({.preemptions = 2}, [&] {
    int result = 0;
    IncreaseTwice(result);
    results.insert(result);
  });
  EXPECT_EQ(all.failure, "");
  EXPECT_THAT(results, UnorderedElementsAre(1, 2));
}

// Two threads of two steps each have six orders.
TEST(SchedulerTest, VisitsEachScheduleOnce) {
  std::set<std::pair<int, int>> outcomes;
  const Exploration all = Explore({.preemptions = 3}, [&] {
    std::atomic<int> step{0};
    int of_first = 0;
    Together({[&] {
                of_first += 10 * step++;
                of_first += step++;
              },
              [&] {
                step++;
                step++;
              }});
    EXPECT_TRUE(outcomes.emplace(of_first / 10, of_first % 10).second);
  });
  EXPECT_EQ(all.schedules, 6u);
  EXPECT_EQ(outcomes.size(), 6u);
}

TEST(SchedulerTest, WithoutPreemptionsThreadsRunOneAfterTheOther) {
  const Exploration all = Explore({.preemptions = 0}, [] {
    int result = 0;
    IncreaseTwice(result);
    Require(result == 2, "an increase was lost");
  });
  EXPECT_EQ(all.failure, "");
  EXPECT_EQ(all.schedules, 2u);
}

TEST(SchedulerTest, TellsWhichScheduleHasFailed) {
  const Exploration found = Explore({.preemptions = 1}, [] {
    int result = 0;
    IncreaseTwice(result);
    Require(result == 2, "an increase was lost");
  });
  EXPECT_THAT(found.failure, HasSubstr("an increase was lost"));
  EXPECT_THAT(found.failure, HasSubstr("The schedule:\n"));
  EXPECT_THAT(found.failure, ContainsRegex("thread 1: load[^\n]*\n  thread 2: load"));
}

TEST(SchedulerTest, RandomSchedulesFindItTooAndRepeat) {
  const auto explore = [] {
    return Explore({.preemptions = 0, .random_schedules = 1000}, [] {
      int result = 0;
      IncreaseTwice(result);
      Require(result == 2, "an increase was lost");
    });
  };
  const Exploration found = explore();
  EXPECT_THAT(found.failure, HasSubstr("an increase was lost"));
  EXPECT_THAT(found.failure, HasSubstr("ELEGY_TEST_SEED="));
  EXPECT_EQ(explore().failure, found.failure);
}

TEST(SchedulerTest, FindsADeadlockAndTellsWhereThreadsWait) {
  const Exploration found = Explore({.preemptions = 1}, [] {
    Mutex first;
    Mutex second;
    const auto lock_both = [](Mutex& one, Mutex& other) {
      MutexLock lock_one(one);
      MutexLock lock_other(other);
    };
    Together({[&] { lock_both(first, second); }, [&] { lock_both(second, first); }});
  });
  EXPECT_THAT(found.failure, HasSubstr("deadlock"));
  EXPECT_THAT(found.failure, HasSubstr("thread 1 waits at: lock"));
  EXPECT_THAT(found.failure, HasSubstr("thread 2 waits at: lock"));
}

TEST(SchedulerTest, FindsALostWakeUp) {
  const auto wait_for = [](bool announces_under_lock) {
    return Explore({.preemptions = 2}, [=] {
      Mutex mutex;
      Condition changed;
      std::atomic<bool> there{false};
      Together({[&] {
                  MutexLock lock(mutex);
                  while (!there) changed.Wait(mutex);
                },
                [&] {
                  if (announces_under_lock) {
                    MutexLock lock(mutex);
                    there = true;
                  } else {
                    there = true;
                  }
                  changed.NotifyAll();
                }});
    });
  };
  EXPECT_EQ(wait_for(true).failure, "");
  EXPECT_THAT(wait_for(false).failure, HasSubstr("deadlock"));
}

TEST(SchedulerTest, KnowsFutexes) {
  const Exploration all = Explore({.preemptions = 2}, [] {
    std::atomic<std::uint32_t> word{1};
    Together({[&] {
                while (word.load() == 1) internal::platform::Wait(word, 1);
              },
              [&] {
                word.store(0);
                internal::platform::Wake(word);
              }});
  });
  EXPECT_EQ(all.failure, "");
  EXPECT_GT(all.schedules, 2u);
}

TEST(SchedulerTest, ATimedWaitEndsOnceAllWait) {
  const Exploration all = Explore({.preemptions = 1}, [] {
    std::atomic<std::uint32_t> word{1};
    Together({[&] {
      const std::uint64_t before = internal::platform::NowNs();
      internal::platform::Wait(word, 1, 1'000'000'000);
      Require(internal::platform::NowNs() >= before + 1'000'000'000, "woken early");
    }});
  });
  EXPECT_EQ(all.failure, "");
}

// The plain code after an operation runs with it, unless it is asked to be a step.
TEST(SchedulerTest, PlainCodeIsAStepIfAsked) {
  const auto fill_too_late = [](bool plain_steps) {
    return Explore({.preemptions = 1, .plain_steps = plain_steps}, [] {
      std::atomic<bool> there{false};
      int value = 0;
      Together({[&] {
                  there.store(true);
                  value = 1;
                },
                [&] {
                  if (there.load()) Require(value == 1, "not filled");
                }});
    });
  };
  EXPECT_EQ(fill_too_late(false).failure, "");
  EXPECT_THAT(fill_too_late(true).failure, HasSubstr("not filled"));
}

TEST(SchedulerTest, ARunThatDoesNotEndFails) {
  const Exploration found = Explore({.preemptions = 0}, [] {
    std::atomic<bool> never{false};
    Together({[&] {
      while (!never.load()) {
      }
    }});
  });
  EXPECT_THAT(found.failure, HasSubstr("does not end"));
}

}  // namespace
}  // namespace elegy::interleave
