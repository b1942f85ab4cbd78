#include "src/collector/planner.h"

#include <algorithm>

#include "src/platform/platform.h"

namespace elegy::internal {

std::uint64_t Planner::Told::ExternalSince(const Told& before) const {
  return Grown(Grown(before.closed, closed), Grown(before.external, external));
}

Planner::Planner(HeapState& state)
    : state_(state),
      pacer_(state.options.initial_heap_bytes, state.options.growth_factor,
             state.options.max_heap_bytes) {
  state_.accounting.ChangeBudget(0, pacer_.First());
  state_.accounting.SetNativeRoom(pacer_.NativeRoom(0, state_.options.max_heap_bytes));
}

Planner::Told Planner::Read() const {
  const Accounting& accounting = state_.accounting;
  return {.allocated = accounting.allocated.Get(),
          .external = accounting.external_told.Get(),
          .closed = accounting.external_closed.Get(),
          .native = accounting.native_told.Get()};
}

// Without weak tables and records, which leave no blocks behind.
std::size_t Planner::TakenForObjects() const {
  const std::size_t native = state_.accounting.Native();
  return Grown(native, state_.accounting.Taken());
}

// The budget is such that below its limit the heap has room for its side tables, too: 2.4 % of its
// blocks. Mutators go on meanwhile: what they spend after the first line is spent of the new
// budget; and what is pending is read before all external bytes, for a callback that runs between
// the two must not make what it gives back look alive.
void Planner::Next(std::uint64_t live_bytes, std::uint64_t reusable_bytes, double marker_share) {
  Accounting& accounting = state_.accounting;
  const std::int64_t budget = accounting.Budget();
  const std::uint64_t pending = accounting.pending_external.Get();
  const std::uint64_t external = accounting.External();
  const Told now = Read();
  const std::size_t taken = accounting.Taken();
  const std::size_t native = accounting.Native();
  const std::size_t needed = taken + state_.pool.TableBytes();
  const std::uint64_t within_limit = Grown(needed, state_.options.max_heap_bytes);
  // What a flood has told of since the cycle began is not known to live: counted as alive, it would
  // raise the goal, let more of the flood in, and so on.
  const std::uint64_t judged = Grown(now.ExternalSince(at_start_), external);
  const std::uint64_t live_external = Grown(pending, judged);
  const Pacer::Plan plan =
      pacer_.After({.live_objects = live_bytes,
                    .live_external = live_external,
                    .unjudged = external - judged,
                    .during_marking = Grown(at_start_.allocated, at_flip_.allocated) +
                                      at_flip_.ExternalSince(at_start_),
                    .since_flip = Grown(at_flip_.allocated, now.allocated),
                    .within_limit = within_limit + reusable_bytes,
                    .marker_share = marker_share});
  accounting.ChangeBudget(budget, plan);
  const std::uint64_t judged_native = Grown(Grown(at_start_.native, now.native), native);
  accounting.SetNativeRoom(pacer_.NativeRoom(live_bytes + judged_native, within_limit));
  const std::size_t used = Grown(TakenForObjects(), taken_before_sweep_);
  state_.pool.TrimTo(
      kept_free_.After(platform::NowNs(), static_cast<std::size_t>(plan.room), used));
}

}  // namespace elegy::internal
