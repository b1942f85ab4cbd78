// Who runs next: the strategies of the scheduler.

#ifndef ELEGY_TESTS_INTERLEAVE_STRATEGY_H_
#define ELEGY_TESTS_INTERLEAVE_STRATEGY_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace elegy::interleave {

class Strategy {
 public:
  Strategy() = default;
  Strategy(const Strategy&) = delete;
  Strategy& operator=(const Strategy&) = delete;
  virtual ~Strategy() = default;

  // Begins another schedule. False if there is none left.
  virtual bool Next() = 0;
  // Which of at least two threads goes on, by its place in the span. `first_runs`: the first is the
  // one that runs and could go on; to choose another is a preemption.
  virtual std::size_t Choose(std::span<const int> threads, bool first_runs) = 0;
};

// Every schedule with so many preemptions at most, depth first. What threads do when one waits or
// ends is not bounded.
class BoundedSearch final : public Strategy {
 public:
  explicit BoundedSearch(int preemptions) : most_preemptions_(preemptions) {}

  bool Next() override;
  std::size_t Choose(std::span<const int> threads, bool first_runs) override;

  // A run has come to other choices than the one whose beginning it repeats: the scenario hangs on
  // something else than the schedule.
  bool diverged() const { return diverged_; }

 private:
  struct Decision {
    std::size_t chosen;
    std::size_t options;
  };

  const int most_preemptions_;
  std::vector<Decision> decisions_;
  std::size_t depth_ = 0;
  int preemptions_ = 0;
  bool begun_ = false;
  bool diverged_ = false;
};

// So many schedules drawn at random from a seed. Every other one gives the threads random
// priorities, the highest of which runs, and lowers that of the running thread at three steps:
// what needs few orderings to go wrong is met with a fair chance, however long the run. The rest
// switch at any step with the same small probability.
class RandomSchedules final : public Strategy {
 public:
  RandomSchedules(std::size_t schedules, std::uint64_t seed) : schedules_(schedules), seed_(seed) {}

  bool Next() override;
  std::size_t Choose(std::span<const int> threads, bool first_runs) override;

 private:
  std::uint64_t Draw();
  std::uint64_t& PriorityOf(int thread);
  std::size_t Highest(std::span<const int> threads);

  const std::size_t schedules_;
  const std::uint64_t seed_;
  std::size_t number_ = 0;
  std::uint64_t state_ = 0;
  std::size_t step_ = 0;
  std::size_t most_steps_ = 64;  // of the schedules so far
  std::vector<std::uint64_t> priorities_;
  std::vector<std::size_t> change_at_;
  std::uint64_t lowest_ = 0;
};

}  // namespace elegy::interleave

#endif  // ELEGY_TESTS_INTERLEAVE_STRATEGY_H_
