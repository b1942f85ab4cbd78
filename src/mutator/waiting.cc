#include "src/mutator/waiting.h"

#include "src/mutator/handshake.h"
#include "src/platform/platform.h"

namespace elegy::internal {

namespace {

// An allocation that finds no room waits for so many full cycles: the second collects what only the
// first one's clearing and callbacks' records made garbage, the third gives to other types what
// that was.
constexpr int kMostCyclesForRoom = 3;
// While little is alive, other mutators have taken what the cycles freed: many more are waited for.
constexpr int kMostCyclesInCompetition = 32;

}  // namespace

[[gnu::noinline]] void AwaitBlocked(MutatorImpl& mutator, StackState stack,
                                    absl::FunctionRef<void()> wait) {
  CheckUse(mutator);
  const StackState before = mutator.stack_state;
  if (stack == StackState::kNoPointers) mutator.stack_state = stack;
  EnterBlocked(mutator, __builtin_frame_address(0));
  wait();
  LeaveBlocked(mutator);
  mutator.stack_state = before;
}

void AwaitNewCycle(MutatorImpl& mutator, StackState stack) {
  CollectionRequest& request = mutator.state.request;
  AwaitBlocked(mutator, stack, [&] { request.WaitFor(request.Ask()); });
}

void AwaitRoom(MutatorImpl& mutator, WaitedForRoom& waited) {
  const std::uint64_t begin = platform::NowNs();
  CollectionRequest& request = mutator.state.request;
  AwaitBlocked(mutator, StackState::kMayHoldPointers, [&] {
    const std::uint64_t running = waited.at_all ? 0 : request.Running();
    if (running == 0) waited.cycles++;
    request.WaitFor(running == 0 ? request.Ask() : running);
  });
  waited.at_all = true;
  mutator.state.stall_max.Update(platform::NowNs() - begin);
}

bool IsHopeless(const HeapState& state, std::size_t bytes, int cycles) {
  const std::size_t limit = state.options.max_heap_bytes;
  if (bytes > limit || cycles >= kMostCyclesInCompetition) return true;
  if (cycles < kMostCyclesForRoom) return false;
  return bytes > limit / 2 || state.old_live_bytes.Get() + bytes > limit / 4 * 3;
}

bool AnotherCycleMayHelp(int cycles) { return cycles < kMostCyclesForRoom; }

}  // namespace elegy::internal
