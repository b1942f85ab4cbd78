#include "src/weak/delivery.h"

#include <algorithm>
#include <list>

#include "src/base/chaos.h"

namespace elegy::internal {

namespace {

using ReadyList = std::list<std::shared_ptr<RegistryCore>>;

// Relaxed, both: the bit only makes a safepoint look at the lists, under their lock.
void ClearReadyBit(MutatorImpl& mutator) {
  mutator.control.fetch_and(~MutatorCore::kRecordsReady, std::memory_order_relaxed);
}
bool HasReadyBit(const MutatorImpl& mutator) {
  return (mutator.control.load(std::memory_order_relaxed) & MutatorCore::kRecordsReady) != 0;
}

void AddOnce(ReadyList& list, const std::shared_ptr<RegistryCore>& core) {
  if (std::find(list.begin(), list.end(), core) == list.end()) list.push_back(core);
}

// The first registry of a list that still has queued records; drops those before it.
std::shared_ptr<RegistryCore> FirstQueued(ReadyList& list) {
  const auto found =
      std::find_if(list.begin(), list.end(), [](const auto& core) { return core->HasQueued(); });
  list.erase(list.begin(), found);
  return list.empty() ? nullptr : list.front();
}

std::shared_ptr<RegistryCore> NextReady(MutatorImpl& mutator) {
  MutexLock lock(mutator.state.ready_mutex);
  std::shared_ptr<RegistryCore> core = FirstQueued(mutator.ready);
  if (core == nullptr) core = FirstQueued(mutator.state.ready_any);
  // Under the lock, so that a bit set for a later announcement is not lost.
  if (core == nullptr) ClearReadyBit(mutator);
  return core;
}

}  // namespace

void AnnounceReady(HeapState& heap, const std::vector<std::shared_ptr<RegistryCore>>& ready) {
  if (ready.empty()) return;
  ELEGY_CHAOS_POINT("about to announce");
  MutexLock mutators_lock(heap.mutators_mutex);
  MutexLock lock(heap.ready_mutex);
  bool for_any = false;
  for (const std::shared_ptr<RegistryCore>& core : ready) {
    const auto home = heap.mutators.find(core->home());
    if (core->RunsAnywhere() || home == heap.mutators.end()) {
      AddOnce(heap.ready_any, core);
      for_any = true;
    } else {
      AddOnce(home->second->ready, core);
      home->second->SetReadyBit();
    }
  }
  if (!for_any) return;
  for (const auto& [id, mutator] : heap.mutators) mutator->SetReadyBit();
}

std::size_t RunReady(MutatorImpl& mutator, std::size_t max_callbacks) {
  std::size_t ran = 0;
  while (ran < max_callbacks && HasReadyBit(mutator)) {
    const std::shared_ptr<RegistryCore> core = NextReady(mutator);
    if (core == nullptr) break;
    ELEGY_CHAOS_POINT("registry found ready");
    const std::size_t some = core->Cleanup(max_callbacks - ran);
    // Nested too deep, or counted by the collector and not yet in the queue.
    if (some == 0) break;
    ran += some;
  }
  return ran;
}

}  // namespace elegy::internal
