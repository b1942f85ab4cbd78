#include "src/mutator/assist_debt.h"

#include <cstdint>
#include <utility>

#include "src/base/chaos.h"
#include "src/mark/assist.h"
#include "src/platform/platform.h"

namespace elegy::internal {

namespace {

// So many bytes cost an object to be marked: twelve of them for one of 48 bytes. At a quarter of
// the price eight mutators on two cores, which leave the marker little of a core, met the heap's
// limit before it had ended.
constexpr std::size_t kAssistBytes = 4;
// What is owed is marked in parts of at least so many.
constexpr std::size_t kAssistPart = 128;
// What a large object costs, whatever its size.
constexpr std::size_t kAssistObjects = 1024;

// A mutator that has taken so much and found nothing to help with lets go of its core: the
// collector gets it if it waits for one, and others do not get it all the time.
constexpr std::size_t kTakenWithoutYield = 1 << 20;

// Helps to mark, a bounded part, for so many bytes; or lets the collector have the core now and
// then where there is nothing to help with. What is marked here counts as shaded by this mutator;
// who finds nothing has shaded nothing, and must not say so: each block would cost the collector
// another round, in which more is allocated, and so on.
void Assist(MutatorImpl& mutator, std::size_t objects, std::size_t bytes) {
  HeapState& state = mutator.state;
  ELEGY_CHAOS_POINT("about to assist");
  // Most often there is nothing: the marker has few objects on its stack, and shares none.
  if (!state.worklist.SeemsEmpty()) {
    const std::uint64_t begin = platform::NowNs();
    if (AssistMarking(state, objects)) {
      mutator.dirty = true;
      return state.stall_max.Update(platform::NowNs() - begin);
    }
  }
  mutator.taken_unassisted += bytes;
  if (mutator.taken_unassisted < kTakenWithoutYield) return;
  mutator.taken_unassisted = 0;
  platform::YieldThread();
}

}  // namespace

void YieldBeyondGoal(const HeapState& state) {
  if (state.accounting.BeyondGoal() && !MayAssist(state)) platform::YieldThread();
}

void ChargeAssist(MutatorImpl& mutator, const AllocationRun& run) {
  mutator.assist_debt += static_cast<std::size_t>(run.limit - run.cursor) / kAssistBytes;
}

void PayAssist(MutatorImpl& mutator) {
  if (mutator.assist_debt < kAssistPart) return;
  const std::size_t objects = std::exchange(mutator.assist_debt, 0);
  if (!MayAssist(mutator.state)) return;  // the cycle may be past its marking
  Assist(mutator, objects, objects * kAssistBytes);
}

void AssistForLarge(MutatorImpl& mutator, std::size_t bytes) {
  Assist(mutator, kAssistObjects, bytes);
}

}  // namespace elegy::internal
