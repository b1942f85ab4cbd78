#include "tests/interleave/explore.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <thread>

#include "tests/interleave/scheduler.h"
#include "tests/interleave/strategy.h"
#include "tests/support/stress.h"

namespace elegy::interleave {

namespace {

// Keeps this thread, and those that it starts, on one core for the scope's life: one of them runs
// at a time, and to hand over to a thread of the same core is several times cheaper.
class OnOneCore {
 public:
  OnOneCore() {
    sched_getaffinity(0, sizeof(before_), &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(sched_getcpu()), &one);
    sched_setaffinity(0, sizeof(one), &one);
  }
  OnOneCore(const OnOneCore&) = delete;
  OnOneCore& operator=(const OnOneCore&) = delete;
  ~OnOneCore() { sched_setaffinity(0, sizeof(before_), &before_); }

 private:
  cpu_set_t before_;
};

// True if no schedule has failed.
bool RunAll(Strategy& strategy, const Options& options, const std::function<void()>& scenario,
            Exploration& exploration) {
  while (strategy.Next()) {
    Run run = RunOnce(scenario, strategy, options.plain_steps);
    exploration.schedules++;
    exploration.most_steps = std::max(exploration.most_steps, run.steps);
    if (!run.failed) continue;
    exploration.failure =
        "in schedule " + std::to_string(exploration.schedules) + ": " + run.failure;
    return false;
  }
  return true;
}

// Of the current Together.
std::size_t g_not_ready = 0;
std::size_t g_not_done = 0;
std::uint32_t g_all_ready = 0;
std::uint32_t g_all_done = 0;

}  // namespace

Exploration Explore(const Options& options, const std::function<void()>& scenario) {
  const OnOneCore on_one_core;
  Exploration exploration;
  BoundedSearch search(options.preemptions);
  if (!RunAll(search, options, scenario, exploration)) return exploration;
  if (search.diverged()) {
    exploration.failure = "the scenario does not do the same each time";
    return exploration;
  }
  RandomSchedules random(options.random_schedules, test::TestSeed());
  if (!RunAll(random, options, scenario, exploration)) {
    exploration.failure +=
        "It repeats with ELEGY_TEST_SEED=" + std::to_string(test::TestSeed()) + "\n";
  }
  return exploration;
}

void ExpectHolds(const std::string& name, const Options& options,
                 const std::function<void()>& scenario) {
  const Exploration exploration = Explore(options, scenario);
  EXPECT_TRUE(exploration.failure.empty()) << name << ", " << exploration.failure;
  std::printf("interleave: %s: %zu schedules of up to %zu steps\n", name.c_str(),
              exploration.schedules, exploration.most_steps);
  std::fflush(stdout);
  ::testing::Test::RecordProperty("schedules", std::to_string(exploration.schedules));
  ::testing::Test::RecordProperty("most_steps", std::to_string(exploration.most_steps));
}

void Together(const std::vector<std::function<void()>>& bodies, Start start) {
  g_not_ready = bodies.size();
  g_not_done = bodies.size();
  g_all_ready = 0;
  g_all_done = 0;
  std::vector<std::thread> threads;
  threads.reserve(bodies.size());
  for (const std::function<void()>& body : bodies) {
    threads.emplace_back([&body] {
      body();
      if (--g_not_done != 0) return;
      SetExploring(false);
      g_all_done = 1;
      WakeSleepers(&g_all_done);
    });
  }
  if (start == Start::kAtOnce) SetExploring(true);
  SleepWhile(&g_all_done, 0, kNever);
  for (std::thread& thread : threads) thread.join();
}

void Ready() {
  if (--g_not_ready != 0) {
    SleepWhile(&g_all_ready, 0, kNever);
    return ContinueStep();
  }
  Settle();
  g_all_ready = 1;
  WakeSleepers(&g_all_ready);
  SetExploring(true);
}

void Require(bool condition, const std::string& what) {
  if (!condition) StopRun(what);
}

}  // namespace elegy::interleave
