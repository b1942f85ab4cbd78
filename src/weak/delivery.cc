#include "src/weak/delivery.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <list>
#include <utility>

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
  if (core->EnterList()) list.push_back(core);
}

// Registries whose records this run has not got: the collector has counted them and not queued them
// yet, others have taken them, or callbacks nest too deep here.
class PassedBy {
 public:
  bool IsFull() const { return count_ == cores_.size(); }
  bool Contains(const RegistryCore* core) const {
    return std::find(cores_.begin(), End(), core) != End();
  }
  void Add(const RegistryCore* core) { cores_[count_++] = core; }

 private:
  const RegistryCore* const* End() const { return cores_.begin() + count_; }

  std::array<const RegistryCore*, 8> cores_;
  std::size_t count_ = 0;
};

// The first registry of a list that still has queued records, and may run them on this mutator; the
// list's last from now on, so that with few callbacks at a time all have their turn. Moves those
// before it that have none to `dropped`; *passes_by is set if one is another's now, or has been
// passed by.
std::shared_ptr<RegistryCore> FirstQueued(const MutatorImpl& mutator, ReadyList& list,
                                          const PassedBy& passed, ReadyList& dropped,
                                          bool* passes_by) {
  for (auto place = list.begin(); place != list.end();) {
    const auto next = std::next(place);
    if (!(*place)->HasQueued()) {
      (*place)->LeaveList();
      dropped.splice(dropped.end(), list, place);
    } else if ((*place)->MayRunOn(mutator) && !passed.Contains(place->get())) {
      list.splice(list.end(), list, place);
      return list.back();
    } else {
      *passes_by = true;
    }
    place = next;
  }
  return nullptr;
}

// A registry whose callbacks this mutator runs: until its end no other mutator's safepoint does, if
// they are not to run on several threads at once.
class Turn {
 public:
  Turn(MutatorImpl& mutator, const PassedBy& passed) : mutator_(mutator) {
    ReadyList dropped;  // dies without the lock, for what on_ready captures may do anything then
    bool passes_by = false;
    MutexLock lock(mutator.state.ready_mutex);
    ReadyList* lists[] = {&mutator.ready, &mutator.state.ready_any};
    if (mutator.any_ready_next) std::swap(lists[0], lists[1]);
    mutator.any_ready_next = !mutator.any_ready_next;
    for (ReadyList* list : lists) {
      if (core_ == nullptr) core_ = FirstQueued(mutator, *list, passed, dropped, &passes_by);
    }
    if (core_ != nullptr) {
      is_outermost_ = core_->BeginTurn(mutator);
    } else if (!passes_by) {
      // Under the lock, so that a bit set for a later announcement is not lost.
      ClearReadyBit(mutator);
    }
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (!is_outermost_) return;
    MutexLock lock(mutator_.state.ready_mutex);
    core_->EndTurn(mutator_);
  }

  RegistryCore* core() const { return core_.get(); }

 private:
  MutatorImpl& mutator_;
  std::shared_ptr<RegistryCore> core_;
  bool is_outermost_ = false;
};

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
  PassedBy passed;
  while (ran < max_callbacks && HasReadyBit(mutator) && !passed.IsFull()) {
    const Turn turn(mutator, passed);
    if (turn.core() == nullptr) break;
    ELEGY_CHAOS_POINT("registry found ready");
    const std::size_t some = turn.core()->RunAtSafepoint(mutator, max_callbacks - ran);
    if (some == 0) passed.Add(turn.core());
    ran += some;
  }
  return ran;
}

}  // namespace elegy::internal
