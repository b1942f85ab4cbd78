#include "src/mutator/external_debt.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "src/mutator/waiting.h"
#include "src/platform/platform.h"

namespace elegy::internal {

namespace {

constexpr std::chrono::milliseconds kLongestWait{200};
// Who tells of less does not wait for what others have let through.
constexpr std::size_t kLeastOwed = std::size_t{1} << 20;

}  // namespace

void OweWaitIfFarBeyondGoal(HeapState& heap, std::size_t bytes) {
  MutatorImpl* const mutator = CurrentImplOrNull();
  if (mutator == nullptr || &mutator->state != &heap || !heap.accounting.FarBeyondGoal()) return;
  mutator->told_too_much += std::min(bytes, kLeastOwed);
  if (mutator->told_too_much < kLeastOwed) return;
  mutator->told_too_much = 0;
  mutator->owes_wait = true;
  mutator->SetReadyBit();
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
