#include "src/mutator/external_debt.h"

#include <chrono>
#include <utility>

#include "src/mutator/waiting.h"
#include "src/platform/platform.h"

namespace elegy::internal {

namespace {

constexpr std::chrono::milliseconds kLongestWait{200};

}  // namespace

void OweWaitIfFarBeyondGoal(MutatorImpl& mutator) {
  if (!mutator.state.accounting.FarBeyondGoal()) return;
  mutator.owes_wait = true;
  mutator.SetReadyBit();
}

bool AwaitOwedCycle(MutatorImpl& mutator, StackState stack) {
  HeapState& state = mutator.state;
  if (!std::exchange(mutator.owes_wait, false) || !state.accounting.FarBeyondGoal()) return false;
  const std::uint64_t begin = platform::NowNs();
  AwaitBlocked(mutator, stack,
               [&] { state.request.WaitFor(state.request.AskUnlessRunning(), kLongestWait); });
  state.stall_max.Update(platform::NowNs() - begin);
  return true;
}

}  // namespace elegy::internal
