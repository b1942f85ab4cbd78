// Runs a scenario under many schedules (scheduler.h), for tests.
//
// A scenario is a function that makes what it needs, runs a few threads together, and checks. It
// runs once for each schedule and must do the same each time but for the order of its threads. What
// it does before and after Together runs in one order only.
//
// A failure stops the exploring: it is printed with its schedule, and the threads' places. Searches
// repeat by themselves; random schedules hang on ELEGY_TEST_SEED, which is printed too.

#ifndef ELEGY_TESTS_INTERLEAVE_EXPLORE_H_
#define ELEGY_TESTS_INTERLEAVE_EXPLORE_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace elegy::interleave {

struct Options {
  // All schedules with so many preemptions at most; and then so many drawn at random.
  int preemptions = 2;
  std::size_t random_schedules = 0;
  // Plain code between two operations is a step of its own.
  bool plain_steps = false;
};

struct Exploration {
  std::size_t schedules = 0;
  std::size_t most_steps = 0;
  std::string failure;  // empty: none
};

Exploration Explore(const Options& options, const std::function<void()>& scenario);

// The same, and fails the test if a schedule has failed. Prints and records how many there were.
void ExpectHolds(const std::string& name, const Options& options,
                 const std::function<void()>& scenario);

// For scenarios.

// Runs the bodies, each on a thread of its own, until all have returned. kWhenReady: the schedule
// is explored from the moment at which all of them have called Ready().
enum class Start { kAtOnce, kWhenReady };
void Together(const std::vector<std::function<void()>>& bodies, Start start = Start::kAtOnce);
void Ready();

// Ends the run, which has failed, unless the condition holds.
void Require(bool condition, const std::string& what);

}  // namespace elegy::interleave

#endif  // ELEGY_TESTS_INTERLEAVE_EXPLORE_H_
