#include "elegy/internal/registry_core.h"

#include <algorithm>
#include <cstdint>
#include <new>
#include <optional>
#include <utility>

#include "elegy/internal/weak_cell.h"
#include "elegy/mutator.h"
#include "src/base/chaos.h"
#include "src/base/check.h"
#include "src/concurrent/batch_queue.h"
#include "src/mutator/external_debt.h"
#include "src/mutator/mutator_impl.h"
#include "src/mutator/weak_access.h"
#include "src/weak/record_store.h"
#include "src/weak/table_access.h"
#include "src/weak/undelivered_log.h"

namespace elegy::internal {

namespace {

std::size_t HeldOffset(const ValueOps& ops) { return RoundUp(sizeof(Record), ops.alignment); }

std::size_t BytesOfRecord(const ValueOps& ops) {
  return RoundUp(HeldOffset(ops) + ops.bytes, std::max(alignof(Record), ops.alignment));
}

}  // namespace

RegistryCore::RegistryCore(const ValueOps& ops, RegistryOptions options)
    : ops_(ops),
      held_offset_(HeldOffset(ops)),
      heap_(CurrentImpl().state),
      options_(std::move(options)),
      home_(CurrentImpl().id),
      store_(std::make_unique<RecordStore>(heap_, BytesOfRecord(ops))),
      queue_(std::make_unique<BatchQueue>()) {}

RegistryCore::~RegistryCore() = default;

void RegistryCore::Announce(void* self) {
  self_ = self;
  bool shut_down;
  {
    MutexLock lock(heap_.registries_mutex);
    shut_down = heap_.shut_down;
    heap_.registries.push_back(shared_from_this());
  }
  if (shut_down) DropAll();
}

void RegistryCore::CheckHeapOf(const MutatorImpl& mutator) const {
  if (&mutator.state == &heap_) return;
  Fail("a finalization registry of another heap than this thread's mutator is attached to");
}

bool RegistryCore::Names(RecordName name) const {
  return name.record != nullptr && name.record->generation == name.generation;
}

inline Record& RegistryCore::Prepare(void* token, std::size_t external_bytes) {
  Record& record = store_->Next();
  if (token != nullptr || external_bytes != 0) PrepareExtra(record, token, external_bytes);
  store_->Take(record);
  record.SetState(Record::State::kFilling);
  return record;
}

// In the order of their memory. None where it would take more: the next registration will ask for
// that.
void RegistryCore::ReserveForHome() {
  Record* last = nullptr;
  std::size_t left = std::max<std::size_t>(kReservedBytes / store_->record_bytes(), 1);
  for (; left > 0 && store_->HasNext(); left--) {
    Record& record = store_->Next();
    store_->Take(record);
    record.SetState(Record::State::kFilling);
    record.next = nullptr;
    (last == nullptr ? reserved_ : last->next) = &record;
    last = &record;
  }
}

// What it has read of the record cannot change: nobody else knows of it before it is live.
inline RecordName RegistryCore::MakeLive(Record& record, void* target,
                                         const RegisterOptions& options) {
  record.target = target;
  record.file = options.location.file;
  record.line = options.location.line;
  const RecordName name = {&record, record.generation};
  ELEGY_CHAOS_POINT("record filled, not live");
  record.MakeLive();
  return name;
}

inline RecordName RegistryCore::AddReserved(void* target, void* held,
                                            const RegisterOptions& options) {
  Record& record = *std::exchange(reserved_, reserved_->next);
  ops_.move(HeldOf(record), held);
  Count(registered_at_home_);
  return MakeLive(record, target, options);
}

void RegistryCore::PrepareExtra(Record& record, void* token, std::size_t external_bytes) {
  record.extra = store_->NewExtra(token, external_bytes);
  try {
    if (token == nullptr) return;
    Records& records = by_token_[token];
    store_->ExtraOf(record)->place = static_cast<std::uint32_t>(records.size());
    records.push_back(&record);
  } catch (...) {
    ForgetToken(record);
    store_->FreeExtra(record);
    throw;
  }
}

// The collector does not look into a record that is filling: what the value refers to is kept
// meanwhile as what a running callback's does.
void RegistryCore::Fill(Record& record, void* held, bool* moves) {
  MutatorImpl& mutator = CurrentImpl();
  const std::size_t outer_roots = mutator.callback_roots.size();
  try {
    AddCallbackRoots(mutator, ops_, held);
    *moves = true;
    ops_.move(HeldOf(record), held);
  } catch (...) {
    mutator.callback_roots.resize(outer_roots);
    Discard(record);
    throw;
  }
  mutator.callback_roots.resize(outer_roots);
}

inline RecordName RegistryCore::Publish(Record& record, void* target,
                                        const RegisterOptions& options) {
  // Under the lock: what is not seen as dead here, QueueDead will see.
  if (record.extra != 0 && IsDeadThoughHeld(heap_, store_->TokenOf(record))) ForgetToken(record);
  const RecordName name = MakeLive(record, target, options);
  ShadeAdded(heap_, ops_, HeldOf(record));
  Count(registered_);
  if (options.external_bytes != 0) {
    heap_.AdjustExternal(static_cast<std::int64_t>(options.external_bytes));
    OweWaitIfFarBeyondGoal(heap_, options.external_bytes);
  }
  return name;
}

void RegistryCore::Discard(Record& record) {
  MutexLock lock(mutex_);
  ForgetToken(record);
  store_->FreeExtra(record);
  store_->Free(record);
}

// A move that is not the program's code is made under the lock, which is half of a registration's
// time and would be taken twice.
std::optional<RecordName> RegistryCore::TryAdd(const MutatorImpl& mutator, void* target,
                                               void* token, void* held,
                                               const RegisterOptions& options, bool* moves) {
  if (IsClosed()) return std::nullopt;
  const bool is_home = mutator.id == home_;
  if (is_home && reserved_ != nullptr && token == nullptr && options.external_bytes == 0) {
    return AddReserved(target, held, options);
  }
  Record* record;
  {
    MutexLock lock(mutex_);
    if (IsClosed()) return std::nullopt;
    record = &Prepare(token, options.external_bytes);
    if (ops_.moves_plainly) {
      ops_.move(HeldOf(*record), held);
      const RecordName name = Publish(*record, target, options);
      if (is_home && ops_.trace == nullptr && reserved_ == nullptr) ReserveForHome();
      return name;
    }
  }
  Fill(*record, held, moves);
  {
    MutexLock lock(mutex_);
    if (!IsClosed()) return Publish(*record, target, options);
  }
  ops_.destroy(HeldOf(*record));
  Discard(*record);
  return std::nullopt;
}

absl::StatusOr<RecordName> RegistryCore::Add(const void* target, bool has_token, const void* token,
                                             void* held, const RegisterOptions& options) {
  if (target == nullptr) return absl::InvalidArgumentError("elegy: Register of a null target");
  if (has_token && token == nullptr) {
    return absl::InvalidArgumentError("elegy: Register with a null unregister token");
  }
  if (options.external_bytes > PTRDIFF_MAX) {
    return absl::InvalidArgumentError("elegy: Register with more external bytes than exist");
  }
  MutatorImpl& mutator = CurrentImpl();
  CheckHeapOf(mutator);
  void* const target_start = StartOfOwn(mutator, target);
  void* const token_start = has_token ? StartOfOwn(mutator, token) : nullptr;
  for (int attempt = 0;; attempt++) {
    bool moves = false;
    try {
      if (attempt == 1) AwaitRoomFor(mutator, ops_, held, {target_start, token_start, self_});
      const auto name = TryAdd(mutator, target_start, token_start, held, options, &moves);
      KeepAlive(target);
      KeepAlive(token);
      if (name) return *name;
      return absl::FailedPreconditionError("elegy: Register after Heap::Shutdown");
    } catch (const std::bad_alloc&) {
      if (moves) throw;  // from the held value's own move, which cannot be made twice
      if (attempt == 1) return absl::ResourceExhaustedError("elegy: no room for a record");
    }
  }
}

void RegistryCore::ForgetToken(Record& record) {
  if (store_->TokenOf(record) == nullptr) return;
  RecordStore::Extra& extra = *store_->ExtraOf(record);
  const auto found = by_token_.find(std::exchange(extra.token, nullptr));
  if (found == by_token_.end()) return;
  Records& records = found->second;
  // Not if there was no memory to list it.
  if (extra.place < records.size() && records[extra.place] == &record) {
    store_->ExtraOf(*records.back())->place = extra.place;
    records[extra.place] = records.back();
    records.pop_back();
  }
  if (records.empty()) by_token_.erase(found);
}

// To the budget, too, unless the plan has had them since their target was found dead.
void RegistryCore::GiveBackExternal(const Record& record) {
  const RecordStore::Extra* const extra = store_->ExtraOf(record);
  if (extra == nullptr || extra->external_bytes == 0) return;
  const auto bytes = static_cast<std::int64_t>(extra->external_bytes);
  if (!extra->is_pending) return heap_.AdjustExternal(-bytes);
  heap_.accounting.AdjustExternal(-bytes);
  heap_.accounting.pending_external.Subtract(extra->external_bytes);
}

void RegistryCore::CountClosed(const Record& record) {
  if (record.GetState() != Record::State::kLive) return;
  heap_.accounting.external_closed.Add(store_->ExternalBytesOf(record));
}

void RegistryCore::BeginEnd(Record& record, bool cancelled) {
  const bool was_queued = record.GetState() == Record::State::kQueued;
  if (cancelled) CountClosed(record);
  ForgetToken(record);
  // Who cancels may not have the registry.
  ShadeDroppedUnreached(heap_, ops_, HeldOf(record));
  record.generation++;
  record.SetState(Record::State::kEnding);
  GiveBackExternal(record);
  (cancelled ? heap_.records.cancelled : heap_.records.dropped).Add(1);
  if (was_queued) AddQueued(~std::size_t{0});
  store_->FreeExtra(record);
}

void RegistryCore::Bury(Record& record) {
  ops_.destroy(HeldOf(record));
  MutexLock lock(mutex_);
  FreeUnlessInQueue(record);
}

void RegistryCore::BuryAll(Record* first) {
  while (first != nullptr) {
    Record& record = *first;
    first = record.next;
    Bury(record);
  }
}

void RegistryCore::FreeUnlessInQueue(Record& record) {
  if (record.in_queue) {
    record.SetState(Record::State::kDone);
  } else {
    store_->Free(record);
  }
}

absl::StatusOr<bool> RegistryCore::Unregister(const void* token) {
  if (token == nullptr) {
    return absl::InvalidArgumentError("elegy: Unregister of a null token");
  }
  const MutatorImpl& mutator = CurrentImpl();
  CheckHeapOf(mutator);
  void* const start = StartOfOwn(mutator, token);
  Record* ended = nullptr;  // linked, for a list of its own would need memory
  {
    MutexLock lock(mutex_);
    const auto found = by_token_.find(start);
    if (found == by_token_.end() || IsDeadThoughHeld(heap_, start)) return false;
    Records& records = found->second;
    // The last first, so that they are buried in the order in which they came.
    for (std::size_t i = records.size(); i > 0; i--) {
      Record& record = *records[i - 1];
      if (!record.CanEnd()) continue;
      records[i - 1] = nullptr;
      store_->ExtraOf(record)->token = nullptr;
      BeginEnd(record, /*cancelled=*/true);
      record.next = std::exchange(ended, &record);
    }
    // Those that are still being filled.
    records.erase(std::remove(records.begin(), records.end(), nullptr), records.end());
    for (std::size_t i = 0; i < records.size(); i++) {
      store_->ExtraOf(*records[i])->place = static_cast<std::uint32_t>(i);
    }
    if (records.empty()) by_token_.erase(found);
  }
  if (ended == nullptr) return false;
  const std::shared_ptr<RegistryCore> self = shared_from_this();
  BuryAll(ended);
  return true;
}

bool RegistryCore::Cancel(RecordName name) {
  {
    MutexLock lock(mutex_);
    if (IsClosed() || !Names(name) || !name.record->CanEnd()) return false;
    BeginEnd(*name.record, /*cancelled=*/true);
  }
  Bury(*name.record);
  return true;
}

void RegistryCore::Orphan() {
  MutexLock lock(mutex_);
  orphaned_ = true;
}

void RegistryCore::AppendTargets(std::vector<const void*>& targets) {
  MutexLock lock(mutex_);
  if (IsClosed()) return;  // what is left is to be dropped
  RecordStore::Walk walk;
  const auto append = [&](const Record& record) {
    if (record.GetState() == Record::State::kLive) targets.push_back(record.target);
  };
  while (walk.VisitSome(*store_, append)) continue;
}

void RegistryCore::DropAll(UndeliveredLog* log) {
  Record* dropped = nullptr;  // as in Unregister
  {
    MutexLock lock(mutex_);
    if (!IsClosed()) last_looks_ = kLastLooks;
    SetClosed();
    RecordStore::Walk walk;
    const auto drop = [&](Record& record) ELEGY_NO_LOCK_ANALYSIS {
      if (!record.CanEnd()) return;
      if (log != nullptr) log->Add({record.file, record.line});
      BeginEnd(record, /*cancelled=*/false);
      record.next = std::exchange(dropped, &record);
    };
    while (walk.VisitSome(*store_, drop)) continue;
  }
  BuryAll(dropped);
}

void RegistryCore::DropLate() {
  {
    MutexLock lock(mutex_);
    if (!IsClosed() || last_looks_ == 0) return;
    last_looks_--;
  }
  DropAll();
}

void RegistryCore::Close() {
  std::optional<UndeliveredLog> log;
  if (heap_.logs) log.emplace();
  DropAll(log ? &*log : nullptr);
  if (log) log->Print();
  bool is_over;
  {
    MutexLock lock(mutex_);
    heap_.accounting.GiveNative(store_->bytes());
    is_over = TakeEnd();
  }
  if (is_over) ReleaseCallback();
}

// Relaxed: written under the lock.
bool RegistryCore::TakeEnd() {
  if (!IsClosed() || running_.load(std::memory_order_relaxed) != 0) return false;
  return !std::exchange(end_taken_, true);
}

}  // namespace elegy::internal
