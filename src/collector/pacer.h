// When to start the next cycle: arithmetic only.
//
// After a cycle the heap's goal is live * growth_factor. A cycle takes a while, during which
// mutators allocate; it is started that much before the goal, by what was allocated during the last
// cycles' marking (their decaying maximum, and a margin). Mutators that reach the goal all the same
// help to mark.
//
// Mutators that allocate gigabytes a second fill twice a small heap while it is marked. So a heap
// that has a limit far above it always gets a room of 2.5 * initial_heap_bytes, and starts a cycle
// only when three fifths of that are used: otherwise the collector would hardly pause. In a larger
// room up to three quarters are for marking. But mutators help when it has let a quarter through,
// or as much as in the least room where the last cycle's marker had no core of its own: what is
// born while it marks counts as alive, so that the next cycle has less room and takes as long,
// until they meet the limit and wait.
//
// Native memory that objects keep counts towards the goal while it is alive. Once its object has
// been found dead it does not, though it is given back only by the callback: nothing is added to
// the budget then. Otherwise a flood that waits for each cycle would find the more room the more of
// it has died.

#ifndef ELEGY_SRC_COLLECTOR_PACER_H_
#define ELEGY_SRC_COLLECTOR_PACER_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "src/heap/accounting.h"

namespace elegy::internal {

// How much lies between two readings of what only grows, but for what is taken off again: a mutator
// counts a run of cells when it claims it, and takes off what it has not used when it gives it
// back.
inline std::uint64_t Grown(std::uint64_t before, std::uint64_t after) {
  return after > before ? after - before : 0;
}

class Pacer {
 public:
  using Plan = BudgetPlan;

  Pacer(std::uint64_t initial_bytes, double growth_factor, std::uint64_t max_bytes)
      : initial_(initial_bytes), growth_(growth_factor), max_(max_bytes) {}

  Plan First() const {
    return Divide(static_cast<std::int64_t>(std::min(initial_, max_)), 0, kUnassisted);
  }

  // How much weak tables and records may grow by themselves until the next cycle: to twice what
  // the objects and those take that are older than the cycle, for a large table that grows is
  // rarely dead.
  std::size_t NativeRoom(std::uint64_t live, std::uint64_t within_limit) const {
    const double room = std::max(static_cast<double>(live) * (growth_ - 1),
                                 static_cast<double>(initial_) * kLeastNativeGrowth);
    const double possible = std::min(room, static_cast<double>(within_limit) * kMostOfLimit);
    return static_cast<std::size_t>(std::max(possible, LeastRoom(static_cast<double>(live))));
  }

  struct Outcome {
    std::uint64_t live_objects;    // found alive
    std::uint64_t live_external;   // native memory that they keep
    std::uint64_t unjudged;        // native memory told of since the cycle began
    std::uint64_t during_marking;  // allocated or told of while the cycle marked
    std::uint64_t since_flip;      // allocated since, not counted in live_objects
    std::uint64_t within_limit;    // can be allocated until max_heap_bytes, as fragmented as it is
    double marker_share;           // of a core, while it had something to mark
  };

  Plan After(const Outcome& outcome) {
    expected_ = std::max<double>(static_cast<double>(outcome.during_marking), expected_ * kDecay);
    const auto objects = static_cast<double>(outcome.live_objects);
    const double live = objects + static_cast<double>(outcome.live_external);
    const auto unjudged = static_cast<double>(outcome.unjudged);
    const double spent = unjudged + static_cast<double>(outcome.since_flip);
    const double possible = static_cast<double>(outcome.within_limit) * kMostOfLimit;
    const double least = LeastRoom(live + unjudged);
    const auto room = [&](double grown) {
      return static_cast<std::int64_t>(std::max(std::min(grown - spent, possible), least));
    };
    return Divide(room(GrowthOf(live)), room(GrowthOf(live)) - room(GrowthOf(objects)),
                  outcome.marker_share < kOwnCore ? 0 : kUnassisted);
  }

 private:
  static constexpr double kDecay = 0.7;
  static constexpr double kMargin = 1.25;
  static constexpr double kMostReserve = 0.75;     // of the room
  static constexpr double kLeastGrowth = 2.5;      // initial_heap_bytes
  static constexpr double kLeastNativeGrowth = 4;  // initial_heap_bytes
  static constexpr double kLeastBudget = 0.6;      // of such a room
  static constexpr double kUnassisted = 0.25;      // of the room
  static constexpr double kOwnCore = 0.75;         // of a core: less is shared with others
  static constexpr double kMostOfLimit = 0.75;
  static constexpr std::uint64_t kLeastRoom = 1 << 20;
  static constexpr double kLeastShare = 1.0 / 16;

  // However little room there is: without progress between cycles there is none at all.
  static double LeastRoom(double live) {
    return std::max(static_cast<double>(kLeastRoom), live * kLeastShare);
  }

  double GrowthOf(double live) const {
    return std::max(live * growth_ - live, static_cast<double>(initial_) * kLeastGrowth);
  }

  Plan Divide(std::int64_t room, std::int64_t external_room, double unassisted_share) const {
    const auto all = static_cast<double>(room);
    const double least_room = std::min(all, static_cast<double>(initial_) * kLeastGrowth);
    const double for_marking =
        std::min({expected_ * kMargin, all * kMostReserve, all - least_room * kLeastBudget});
    const double unassisted = std::max(all * unassisted_share, least_room * (1 - kLeastBudget));
    return {room - static_cast<std::int64_t>(for_marking),
            static_cast<std::int64_t>(std::min(for_marking, unassisted)), room, external_room};
  }

  const std::uint64_t initial_;
  const double growth_;
  const std::uint64_t max_;
  double expected_ = 0;
};

// How much free memory the heap keeps: what recent cycles have used, and less by a quarter in each
// second since, so that a heap in a steady state keeps its memory. To get and clear a page costs as
// much as to allocate it full of objects.
class KeptFree {
 public:
  // At the end of a cycle that leaves `room` until the next, and has freed `used`; by the clock.
  std::size_t After(std::uint64_t now_ns, std::size_t room, std::size_t used) {
    if (now_ns - since_ns_ >= kEveryNs) {
      const double seconds = static_cast<double>(now_ns - since_ns_) / kEveryNs;
      bytes_ = static_cast<std::size_t>(static_cast<double>(bytes_) * std::pow(kShare, seconds));
      since_ns_ = now_ns;
    }
    bytes_ = std::max({room, used, bytes_});
    return bytes_;
  }

 private:
  static constexpr std::uint64_t kEveryNs = 1'000'000'000;
  static constexpr double kShare = 0.75;

  std::size_t bytes_ = 0;
  std::uint64_t since_ns_ = 0;  // when the figure was last lowered
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_COLLECTOR_PACER_H_
