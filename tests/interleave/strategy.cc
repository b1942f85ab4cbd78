#include "tests/interleave/strategy.h"

#include <algorithm>

namespace elegy::interleave {

bool BoundedSearch::Next() {
  if (begun_) {
    while (!decisions_.empty() && decisions_.back().chosen + 1 == decisions_.back().options) {
      decisions_.pop_back();
    }
    if (decisions_.empty()) return false;
    decisions_.back().chosen++;
  }
  begun_ = true;
  depth_ = 0;
  preemptions_ = 0;
  return true;
}

std::size_t BoundedSearch::Choose(std::span<const int> threads, bool first_runs) {
  if (first_runs && preemptions_ == most_preemptions_) return 0;
  if (depth_ == decisions_.size()) decisions_.push_back({0, threads.size()});
  const Decision& decision = decisions_[depth_++];
  if (decision.options != threads.size()) {
    diverged_ = true;
    return 0;
  }
  if (first_runs && decision.chosen != 0) preemptions_++;
  return decision.chosen;
}

namespace {

constexpr int kChanges = 3;
constexpr std::uint64_t kLeastFirstPriority = 1'000'000;
constexpr std::uint64_t kSwitchOneIn = 8;

}  // namespace

std::uint64_t RandomSchedules::Draw() {  // splitmix64
  state_ += 0x9E3779B97F4A7C15;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

bool RandomSchedules::Next() {
  if (number_ == schedules_) return false;
  number_++;
  state_ = seed_ + number_ * 0xD6E8FEB86659FD93;
  most_steps_ = std::max(most_steps_, step_);
  step_ = 0;
  priorities_.clear();
  change_at_.clear();
  lowest_ = kLeastFirstPriority;
  for (int i = 0; i < kChanges; i++) change_at_.push_back(Draw() % most_steps_);
  return true;
}

std::uint64_t& RandomSchedules::PriorityOf(int thread) {
  const auto i = static_cast<std::size_t>(thread);
  while (priorities_.size() <= i) {
    priorities_.push_back(kLeastFirstPriority + Draw() % kLeastFirstPriority);
  }
  return priorities_[i];
}

std::size_t RandomSchedules::Highest(std::span<const int> threads) {
  std::size_t highest = 0;
  for (std::size_t i = 1; i < threads.size(); i++) {
    if (PriorityOf(threads[i]) > PriorityOf(threads[highest])) highest = i;
  }
  return highest;
}

std::size_t RandomSchedules::Choose(std::span<const int> threads, bool first_runs) {
  const std::size_t step = step_++;
  if (number_ % 2 == 0) {
    if (first_runs && Draw() % kSwitchOneIn != 0) return 0;
    return static_cast<std::size_t>(Draw() % threads.size());
  }
  if (std::find(change_at_.begin(), change_at_.end(), step) != change_at_.end()) {
    PriorityOf(threads[Highest(threads)]) = --lowest_;
  }
  return Highest(threads);
}

}  // namespace elegy::interleave
