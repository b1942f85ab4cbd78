// A registry's deliveries: from dead targets to queued records to callbacks. The protocol is at the
// head of elegy/internal/registry_core.h.

#include <mutex>
#include <utility>
#include <vector>

#include "elegy/internal/collector_lock.h"
#include "elegy/internal/registry_core.h"
#include "elegy/internal/weak_cell.h"
#include "src/base/chaos.h"
#include "src/base/check.h"
#include "src/concurrent/batch_queue.h"
#include "src/mutator/mutator_impl.h"
#include "src/weak/record_store.h"
#include "src/weak/table_access.h"

namespace elegy::internal {

namespace {

// How many records one batch holds at most.
constexpr std::size_t kBatchRecords = 256;

}  // namespace

// Takes the lock once for each record: to end the one before and to take it.
class RegistryCore::Drain {
 public:
  explicit Drain(RegistryCore& core) : core_(core) {}
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;
  // However the last callback has ended.
  ~Drain() {
    if (mutator_ == nullptr) return;
    bool is_over;
    {
      MutexLock lock(core_.mutex_);
      EndLast();
      LetGo();
      is_over = core_.TakeEnd();
    }
    if (is_over) core_.ReleaseCallback();
  }

  // Runs the callback of the next queued record; false if there is none.
  bool RunNext() ELEGY_NO_LOCK_ANALYSIS;
  // Runs that of a record that is named; false if it cannot be.
  bool Run(RecordName name) ELEGY_NO_LOCK_ANALYSIS;

 private:
  // Counts as running from its first callback to its end.
  void Begin(MutatorImpl& mutator) ELEGY_REQUIRES(core_.mutex_);
  void LetGo() ELEGY_REQUIRES(core_.mutex_);
  Record* Take(bool* more) ELEGY_REQUIRES(core_.mutex_);
  void Call(Record& record) ELEGY_RELEASE(core_.mutex_);
  void EndLast() ELEGY_REQUIRES(core_.mutex_);
  // This run's own entry in the mutator's list: the innermost, when its callback has returned.
  Delivery& Own() const;

  RegistryCore& core_;
  MutatorImpl* mutator_ = nullptr;  // while it counts
  std::size_t depth_ = 0;
  std::size_t outer_roots_ = 0;
};

Delivery& RegistryCore::Drain::Own() const {
  if (mutator_->deliveries.size() != depth_) {
    Fail(
        "finalization callbacks on one thread that end in another order than they began: a fiber "
        "may not be left inside a callback");
  }
  return mutator_->deliveries.back();
}

void RegistryCore::Drain::Begin(MutatorImpl& mutator) {
  if (mutator_ != nullptr) return;
  CheckUse(mutator);
  CheckOwnHeap(mutator, core_.self_);
  mutator.deliveries.push_back({&core_, nullptr, false});
  mutator_ = &mutator;
  depth_ = mutator.deliveries.size();
  outer_roots_ = mutator.callback_roots.size();
  core_.AddRunning(1);
}

void RegistryCore::Drain::LetGo() {
  mutator_->deliveries.pop_back();
  mutator_ = nullptr;
  core_.AddRunning(~std::size_t{0});
}

// The next queued record, now running, with what its held value refers to among the mutator's
// callback roots; or null, with *more if it has only come past many that were cancelled. Throws
// std::bad_alloc; then the record is queued still.
Record* RegistryCore::Drain::Take(bool* more) {
  for (std::size_t i = 0; i < kBatchRecords; i++) {
    Record* const record = core_.queue_->Front();
    if (record == nullptr) {
      core_.starved_ = core_.HasQueued();
      return nullptr;
    }
    const bool runs = record->GetState() == Record::State::kQueued;
    if (runs) {
      Begin(CurrentImpl());
      AddCallbackRoots(*mutator_, core_.ops_, core_.HeldOf(*record));
    }
    core_.queue_->Pop();
    record->in_queue = false;
    if (runs) return record;
    if (record->GetState() == Record::State::kDone) core_.store_->Free(*record);
  }
  *more = true;
  return nullptr;
}

// The held value is moved out of the record, which the collector may not have come to yet, and then
// is this thread's: so what it refers to is shaded, and a root as long as the callback runs.
void RegistryCore::Drain::Call(Record& record) {
  core_.ForgetToken(record);
  record.generation++;
  const bool is_of_dead = record.GetState() == Record::State::kQueued;
  if (is_of_dead) core_.AddQueued(~std::size_t{0});
  record.SetState(Record::State::kRunning);
  mutator_->deliveries.back() = {&core_, &record, is_of_dead};
  ShadeDropped(core_.heap_, core_.ops_, core_.HeldOf(record));
  ELEGY_CHAOS_POINT("about to call back");
  core_.mutex_.unlock();
  core_.Invoke(core_.HeldOf(record));
  ELEGY_CHAOS_POINT("called back");
}

void RegistryCore::Drain::EndLast() {
  if (mutator_ == nullptr) return;
  Record* const record = std::exchange(Own().record, nullptr);
  if (record == nullptr) return;
  mutator_->callback_roots.resize(outer_roots_);
  core_.EndDelivered(*record);
}

bool RegistryCore::Drain::RunNext() {
  for (bool more = true; more;) {
    std::unique_lock<Mutex> lock(core_.mutex_);
    EndLast();
    more = false;
    Record* const record = Take(&more);
    if (record == nullptr) {
      lock.unlock();
      if (more) ELEGY_CHAOS_POINT("cancelled taken out");
      continue;
    }
    lock.release();  // by Call
    Call(*record);
    return true;
  }
  return false;
}

bool RegistryCore::Drain::Run(RecordName name) {
  std::unique_lock<Mutex> lock(core_.mutex_);
  if (core_.IsClosed() || !core_.Names(name) || !name.record->CanEnd()) return false;
  MutatorImpl& mutator = CurrentImpl();
  CheckUse(mutator);
  CheckOwnHeap(mutator, core_.self_);
  // A dead registry's held values are dead too. One that is condemned, but marked, has all of them.
  if (core_.orphaned_) return false;
  if (ReadWeakTarget(mutator, core_.self_) == nullptr && !mutator.state.IsMarked(core_.self_)) {
    return false;
  }
  Begin(mutator);
  AddCallbackRoots(mutator, core_.ops_, core_.HeldOf(*name.record));
  core_.CountClosed(*name.record);
  lock.release();
  Call(*name.record);
  return true;
}

void RegistryCore::EndDelivered(Record& record) {
  GiveBackExternal(record);
  store_->FreeExtra(record);
  Count(delivered_);
  FreeUnlessInQueue(record);
}

// Whether or not the registry is at its end, its callback is released by Close: what it captures
// may do anything when it is destroyed, and there is no collector yet.
void RegistryCore::EndVanished(Record* record) {
  MutexLock lock(mutex_);
  if (record != nullptr) EndDelivered(*record);
  AddRunning(~std::size_t{0});
}

bool RegistryCore::RunNow(std::shared_ptr<RegistryCore>& handle, RecordName name) {
  std::shared_ptr<RegistryCore> core = std::move(handle);
  if (core == nullptr) return false;
  try {
    return Drain(*core).Run(name);
  } catch (...) {
    // There was no memory for the call: the handle can be used again.
    if (core->CanEnd(name)) handle = std::move(core);
    throw;
  }
}

bool RegistryCore::CanEnd(RecordName name) {
  MutexLock lock(mutex_);
  return !IsClosed() && Names(name) && name.record->CanEnd();
}

// Without the limit a callback that ends its turn would, with many records queued, take as many
// frames as there are records.
std::size_t RegistryCore::Cleanup(std::size_t max_callbacks) {
  if (HasQueued() && CurrentImpl().deliveries.size() >= kDeepest) return 0;
  Drain drain(*this);
  std::size_t ran = 0;
  while (ran < max_callbacks && drain.RunNext()) ran++;
  return ran;
}

std::size_t RegistryCore::RunAtSafepoint(MutatorImpl& mutator, std::size_t max_callbacks) {
  if (HasQueued() && mutator.deliveries.size() >= kDeepest) return 0;
  Drain drain(*this);
  std::size_t ran = 0;
  while (ran < max_callbacks && !mutator.LeavesCallbacksToShutdown() && drain.RunNext()) ran++;
  return ran;
}

// No more than are queued now: other threads may register and drop as fast as these run.
std::size_t RegistryCore::RunAllQueued() {
  Drain drain(*this);
  std::size_t ran = 0;
  for (std::size_t left = queued_.load(std::memory_order_acquire);  // as HasQueued
       left > 0 && drain.RunNext(); left--) {
    ran++;
  }
  return ran;
}

void RegistryCore::AnnounceAgain() {
  MutexLock lock(mutex_);
  starved_ = HasQueued();
}

// Queues a record if its target is dead.
bool RegistryCore::Queue(Record& record, const Liveness& liveness) {
  const Record::State state = record.GetState();
  if (!record.CanEnd() && state != Record::State::kFilling) return false;
  void* const token = store_->TokenOf(record);
  if (token != nullptr && !liveness.IsLive(token)) ForgetToken(record);
  if (state != Record::State::kLive || liveness.IsLive(record.target)) return false;
  record.SetState(Record::State::kQueued);
  record.in_queue = true;
  if (RecordStore::Extra* const extra = store_->ExtraOf(record)) {
    extra->is_pending = true;
    heap_.accounting.pending_external.Add(extra->external_bytes);
  }
  return true;
}

// Takes out of the queue what has been cancelled there, up to the first that has not: while nothing
// else is queued, or the registry's thread sleeps, no safepoint comes for it.
void RegistryCore::PurgeQueue() {
  while (true) {
    {
      MutexLock lock(mutex_);
      for (std::size_t i = 0; i < kBatchRecords; i++) {
        Record* const record = queue_->Front();
        if (record == nullptr || record->GetState() == Record::State::kQueued) return;
        queue_->Pop();
        record->in_queue = false;
        if (record->GetState() == Record::State::kDone) store_->Free(*record);
      }
    }
    ELEGY_CHAOS_POINT("cancelled taken out");
  }
}

void RegistryCore::Mark(TableMarker& marker) {
  if (ops_.trace == nullptr) return;
  RecordStore::Walk walk;
  bool more = true;
  while (more) {
    const CollectorLock lock(mutex_);
    more = walk.VisitSome(*store_, [&](Record& record) {
      if (record.CanEnd()) ops_.trace(HeldOf(record), marker.visitor());
    });
  }
}

std::size_t RegistryCore::QueueDead(const Liveness& liveness, bool* became_ready) {
  PurgeQueue();
  DropLate();
  std::size_t queued = 0;
  std::vector<Record*> batch;
  RecordStore::Walk walk;
  bool more = true;
  while (more) {
    batch.reserve(kBatchRecords + RecordStore::kPart);
    {
      const CollectorLock lock(mutex_);
      if (IsClosed()) break;
      const std::size_t before = batch.size();
      more = walk.VisitSome(*store_, [&](Record& record) ELEGY_NO_LOCK_ANALYSIS {
        if (Queue(record, liveness)) batch.push_back(&record);
      });
      // Counted before anyone can take or cancel one of them.
      const std::size_t found = batch.size() - before;
      *became_ready = *became_ready || (found > 0 && !HasQueued());
      AddQueued(found);
      queued += found;
    }
    ELEGY_CHAOS_POINT("records counted, not queued");
    if (batch.size() >= kBatchRecords) queue_->Push(std::exchange(batch, {}));
  }
  if (!batch.empty()) queue_->Push(std::move(batch));
  {
    // Who came between the count and the push has gone, and nobody will tell it.
    MutexLock lock(mutex_);
    if (std::exchange(starved_, false) && HasQueued()) *became_ready = true;
  }
  heap_.records.queued.Add(queued);
  return queued;
}

void RegistryCore::NotifyReady() {
  if (options_.on_ready) options_.on_ready();
}

}  // namespace elegy::internal
