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

#ifndef ELEGY_SRC_COLLECTOR_PACER_H_
#define ELEGY_SRC_COLLECTOR_PACER_H_

#include <algorithm>
#include <cstdint>

namespace elegy::internal {

class Pacer {
 public:
  struct Plan {
    std::int64_t budget;   // may be allocated until the next cycle starts
    std::int64_t reserve;  // and then until mutators help to mark
    std::int64_t room;     // and in all until the heap has reached its goal
  };

  Pacer(std::uint64_t initial_bytes, double growth_factor, std::uint64_t max_bytes)
      : initial_(initial_bytes), growth_(growth_factor), max_(max_bytes) {}

  Plan First() const {
    return Divide(static_cast<std::int64_t>(std::min(initial_, max_)), kUnassisted);
  }

  // How much weak tables and records may grow by themselves until the next cycle: to twice what
  // they and the objects take, for a large table that grows is rarely dead.
  std::size_t NativeRoom(std::uint64_t live, std::uint64_t within_limit) const {
    const double room = std::max(static_cast<double>(live) * (growth_ - 1),
                                 static_cast<double>(initial_) * kLeastNativeGrowth);
    const double possible = std::min(room, static_cast<double>(within_limit) * kMostOfLimit);
    return static_cast<std::size_t>(std::max(possible, LeastRoom(static_cast<double>(live))));
  }

  struct Outcome {
    std::uint64_t live;            // found alive, with the external bytes that it keeps
    std::uint64_t pending;         // external bytes of the dead, until their callbacks have run,
                                   // and of what has not been judged
    std::uint64_t during_marking;  // allocated while the cycle marked
    std::uint64_t since_flip;      // allocated since, not counted in live
    std::uint64_t within_limit;    // can be allocated until max_heap_bytes, as fragmented as it is
    double marker_share;           // of a core, while it had something to mark
  };

  // What is pending now will be given back to the budget, so it is taken from it first.
  Plan After(const Outcome& outcome) {
    expected_ = std::max<double>(static_cast<double>(outcome.during_marking), expected_ * kDecay);
    const auto live = static_cast<double>(outcome.live);
    const double growth =
        std::max(live * growth_ - live, static_cast<double>(initial_) * kLeastGrowth);
    const double spent = static_cast<double>(outcome.pending + outcome.since_flip);
    const double room =
        std::min(growth - spent, static_cast<double>(outcome.within_limit) * kMostOfLimit);
    const double least = LeastRoom(live + static_cast<double>(outcome.pending));
    return Divide(static_cast<std::int64_t>(std::max(room, least)),
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

  Plan Divide(std::int64_t room, double unassisted_share) const {
    const auto all = static_cast<double>(room);
    const double least_room = std::min(all, static_cast<double>(initial_) * kLeastGrowth);
    const double for_marking =
        std::min({expected_ * kMargin, all * kMostReserve, all - least_room * kLeastBudget});
    const double unassisted = std::max(all * unassisted_share, least_room * (1 - kLeastBudget));
    return {room - static_cast<std::int64_t>(for_marking),
            static_cast<std::int64_t>(std::min(for_marking, unassisted)), room};
  }

  const std::uint64_t initial_;
  const double growth_;
  const std::uint64_t max_;
  double expected_ = 0;
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_COLLECTOR_PACER_H_
