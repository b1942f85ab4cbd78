// A registry's deliveries: from dead targets to queued records to callbacks. The protocol is at the
// head of elegy/internal/registry_core.h.

#include <memory>
#include <utility>
#include <vector>

#include "elegy/internal/registry_core.h"
#include "elegy/internal/weak_cell.h"
#include "src/base/chaos.h"
#include "src/concurrent/batch_queue.h"
#include "src/mutator/mutator_impl.h"
#include "src/weak/table_access.h"

namespace elegy::internal {

namespace {

// How many records one batch holds at most.
constexpr std::size_t kBatchRecords = 256;

// What a held value refers to. Throws std::bad_alloc and has then changed nothing.
void AddCallbackRoots(MutatorImpl& mutator, const ValueOps& ops, const void* held) {
  std::vector<void*>& roots = mutator.callback_roots;
  const std::size_t before = roots.size();
  try {
    AppendTargetsOf(ops, held, roots);
  } catch (...) {
    roots.resize(before);
    throw;
  }
}

}  // namespace

// Release: pairs with IsRoot.
void RegistryCore::SetRunning(Record& record) {
  ForgetToken(record);
  record.generation++;
  running_.fetch_add(1, std::memory_order_release);
  if (record.state == Record::State::kQueued) Unqueue(record);
  record.state = Record::State::kRunning;
}

bool RegistryCore::RunNow(RecordName name) {
  std::size_t outer_roots;
  {
    MutexLock lock(mutex_);
    if (closed_ || !Names(name) || !CanEnd(*name.record)) return false;
    MutatorImpl& mutator = CurrentImpl();
    CheckOwnHeap(mutator, self_);
    // A dead registry's held values are dead too.
    if (orphaned_ || ReadWeakTarget(mutator, self_) == nullptr) return false;
    outer_roots = mutator.callback_roots.size();
    AddCallbackRoots(mutator, ops_, HeldOf(*name.record));
    SetRunning(*name.record);
  }
  ELEGY_CHAOS_POINT("to be run now");
  Run(*name.record, outer_roots);
  return true;
}

Record* RegistryCore::TakeQueued() {
  MutexLock lock(mutex_);
  while (Record* const record = queue_->Front()) {
    const bool runs = record->state == Record::State::kQueued;
    if (runs) AddCallbackRoots(CurrentImpl(), ops_, HeldOf(*record));
    queue_->Pop();
    record->in_queue = false;
    if (runs) {
      SetRunning(*record);
      return record;
    }
    if (record->state == Record::State::kDone) Free(*record);
  }
  return nullptr;
}

// Ends the record's run, however the callback has ended.
void RegistryCore::FinishRun(Record& record) {
  {
    MutexLock lock(mutex_);
    ShadeDropped(ops_, HeldOf(record));
    record.state = Record::State::kEnding;
  }
  ELEGY_CHAOS_POINT("called back");
  ops_.destroy(HeldOf(record));
  GiveBackExternal(record);
  heap_.records.delivered.Add(1);
  MutexLock lock(mutex_);
  FreeUnlessInQueue(record);
  ShadeSelf();
  // Release: pairs with IsRoot.
  const bool last = running_.fetch_sub(1, std::memory_order_release) == 1;
  if (last && closed_) ReleaseCallback();
}

// The held value is moved out of the record, which the collector may not have come to yet, and then
// is this thread's: so what it refers to is shaded, and a root as long as the callback runs.
void RegistryCore::Run(Record& record, std::size_t outer_roots) {
  // Keeps the core while the callback drops the last handle to it.
  const std::shared_ptr<RegistryCore> self = shared_from_this();
  MutatorImpl& mutator = CurrentImpl();
  struct Finish {
    RegistryCore& core;
    Record& record;
    MutatorImpl& mutator;
    const std::size_t outer_roots;
    ~Finish() {
      mutator.callback_roots.resize(outer_roots);
      mutator.running_callbacks--;
      core.FinishRun(record);
    }
  } finish{*this, record, mutator, outer_roots};
  mutator.running_callbacks++;
  {
    MutexLock lock(mutex_);
    ShadeDropped(ops_, HeldOf(record));
  }
  ELEGY_CHAOS_POINT("about to call back");
  Invoke(HeldOf(record));
}

// Without the limit a callback that ends its turn would, with many records queued, take as many
// frames as there are records.
std::size_t RegistryCore::Cleanup(std::size_t max_callbacks) {
  if (HasQueued() && CurrentImpl().running_callbacks >= kDeepest) return 0;
  return RunQueued(max_callbacks);
}

std::size_t RegistryCore::RunQueued(std::size_t max_callbacks) {
  std::size_t ran = 0;
  while (ran < max_callbacks) {
    // A thread that is not attached may ask as long as there is nothing to run.
    const MutatorImpl* const mutator = CurrentImplOrNull();
    const std::size_t outer_roots = mutator == nullptr ? 0 : mutator->callback_roots.size();
    Record* const record = TakeQueued();
    if (record == nullptr) break;
    ELEGY_CHAOS_POINT("record taken");
    Run(*record, outer_roots);
    ran++;
  }
  return ran;
}

std::size_t RegistryCore::QueueDeadOfChunk(std::size_t chunk, const Liveness& liveness,
                                           std::vector<Record*>& batch) {
  std::size_t queued = 0;
  for (std::size_t i = 0; i < kChunkRecords; i++) {
    Record& record = RecordAt(chunk, i);
    if (!CanEnd(record)) continue;
    if (record.token != nullptr && !liveness.IsLive(record.token)) ForgetToken(record);
    if (record.state == Record::State::kQueued || liveness.IsLive(record.target)) continue;
    record.state = Record::State::kQueued;
    record.in_queue = true;
    heap_.accounting.pending_external.Add(record.external_bytes);
    batch.push_back(&record);
    queued++;
  }
  return queued;
}

std::size_t RegistryCore::QueueDead(const Liveness& liveness, bool* became_ready) {
  std::size_t queued = 0;
  std::vector<Record*> batch;
  for (std::size_t chunk = 0;; chunk++) {
    {
      MutexLock lock(mutex_);
      if (closed_ || chunk >= chunks_.size()) break;
      const std::size_t found = QueueDeadOfChunk(chunk, liveness, batch);
      queued += found;
      // Release: pairs with HasQueued. Counted before anyone can take or cancel one of them.
      const std::size_t before = queued_.fetch_add(found, std::memory_order_release);
      *became_ready = *became_ready || (before == 0 && found > 0);
    }
    ELEGY_CHAOS_POINT("records counted, not queued");
    if (batch.size() >= kBatchRecords) queue_->Push(std::exchange(batch, {}));
  }
  if (!batch.empty()) queue_->Push(std::move(batch));
  heap_.records.queued.Add(queued);
  return queued;
}

void RegistryCore::NotifyReady() {
  if (options_.on_ready) options_.on_ready();
}

}  // namespace elegy::internal
