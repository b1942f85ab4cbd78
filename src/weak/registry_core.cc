#include "elegy/internal/registry_core.h"

#include <algorithm>
#include <new>
#include <utility>

#include "elegy/internal/weak_cell.h"
#include "elegy/mutator.h"
#include "src/concurrent/batch_queue.h"
#include "src/mutator/allocation.h"
#include "src/mutator/external_debt.h"
#include "src/mutator/mutator_impl.h"
#include "src/weak/table_access.h"

namespace elegy::internal {

RegistryCore::RegistryCore(const ValueOps& ops, RegistryOptions options)
    : ops_(ops),
      held_offset_(RoundUp(sizeof(Record), ops.alignment)),
      record_bytes_(RoundUp(held_offset_ + ops.bytes, std::max(alignof(Record), ops.alignment))),
      heap_(CurrentImpl().state),
      options_(std::move(options)),
      home_(CurrentImpl().id),
      queue_(std::make_unique<BatchQueue>()) {}

RegistryCore::~RegistryCore() = default;

void RegistryCore::FreeBytes::operator()(std::byte* bytes) const {
  ::operator delete (bytes, std::align_val_t{kMaxAlignment});
}

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

Record& RegistryCore::RecordAt(std::size_t chunk, std::size_t i) {
  return *reinterpret_cast<Record*>(chunks_[chunk].get() + i * record_bytes_);
}

void* RegistryCore::HeldOf(Record& record) const {
  return reinterpret_cast<std::byte*>(&record) + held_offset_;
}

bool RegistryCore::Names(RecordName name) const {
  return name.record != nullptr && name.record->generation == name.generation;
}

void RegistryCore::AddChunk() {
  const std::size_t bytes = kChunkRecords * record_bytes_;
  if (!heap_.accounting.TryTake(bytes, heap_.options.max_heap_bytes)) throw std::bad_alloc();
  try {
    chunks_.reserve(chunks_.size() + 1);
    chunks_.emplace_back(
        static_cast<std::byte*>(::operator new (bytes, std::align_val_t{kMaxAlignment})));
  } catch (...) {
    heap_.accounting.Give(bytes);
    throw;
  }
  for (std::size_t i = kChunkRecords; i > 0; i--) {
    auto* const record = ::new (&RecordAt(chunks_.size() - 1, i - 1)) Record;
    record->next_free = std::exchange(free_, record);
  }
}

RecordName RegistryCore::AddLocked(void* target, void* token, void* held,
                                   const RegisterOptions& options) {
  if (free_ == nullptr) AddChunk();
  Record& record = *free_;
  if (token != nullptr) by_token_[token].push_back(&record);
  record.token = token;
  try {
    ops_.move(HeldOf(record), held);
  } catch (...) {
    ForgetToken(record);
    throw;
  }
  free_ = record.next_free;
  record.target = target;
  record.external_bytes = options.external_bytes;
  record.location = options.location;
  record.state = Record::State::kLive;
  ShadeAdded(ops_, HeldOf(record));
  return {&record, record.generation};
}

absl::StatusOr<RecordName> RegistryCore::Add(const void* target, bool has_token, const void* token,
                                             void* held, const RegisterOptions& options) {
  if (target == nullptr) return absl::InvalidArgumentError("elegy: Register of a null target");
  if (has_token && token == nullptr) {
    return absl::InvalidArgumentError("elegy: Register with a null unregister token");
  }
  MutatorImpl& mutator = CurrentImpl();
  void* const target_start = StartOfOwn(mutator, target);
  void* const token_start = has_token ? StartOfOwn(mutator, token) : nullptr;
  for (int attempt = 0;; attempt++) {
    try {
      MutexLock lock(mutex_);
      if (closed_) return absl::FailedPreconditionError("elegy: Register after Heap::Shutdown");
      const RecordName name = AddLocked(target_start, token_start, held, options);
      heap_.records.registered.Add(1);
      if (options.external_bytes != 0) {
        heap_.AdjustExternal(static_cast<std::int64_t>(options.external_bytes));
        OweWaitIfFarBeyondGoal(mutator);
      }
      return name;
    } catch (const std::bad_alloc&) {
      if (attempt == 1) return absl::ResourceExhaustedError("elegy: no room for a record");
    }
    AwaitNewCycle(mutator, StackState::kMayHoldPointers);
    KeepAlive(target);
    KeepAlive(token);
  }
}

void RegistryCore::ForgetToken(Record& record) {
  if (record.token == nullptr) return;
  const auto found = by_token_.find(record.token);
  record.token = nullptr;
  if (found == by_token_.end()) return;
  Records& records = found->second;
  const auto place = std::find(records.begin(), records.end(), &record);
  *place = records.back();
  records.pop_back();
  if (records.empty()) by_token_.erase(found);
}

void RegistryCore::Free(Record& record) {
  record.state = Record::State::kFree;
  record.generation++;
  record.target = nullptr;
  record.next_free = std::exchange(free_, &record);
}

// Release: pairs with HasQueued.
void RegistryCore::Unqueue(const Record& record) {
  heap_.accounting.pending_external.Subtract(record.external_bytes);
  queued_.fetch_sub(1, std::memory_order_release);
}

void RegistryCore::GiveBackExternal(const Record& record) {
  if (record.external_bytes == 0) return;
  heap_.AdjustExternal(-static_cast<std::int64_t>(record.external_bytes));
}

// A registry that stops being a root here is, like a slot's old value, shaded.
void RegistryCore::BeginEnd(Record& record, bool cancelled) {
  const bool was_queued = record.state == Record::State::kQueued;
  ForgetToken(record);
  ShadeDropped(ops_, HeldOf(record));
  record.generation++;
  record.state = Record::State::kEnding;
  GiveBackExternal(record);
  (cancelled ? heap_.records.cancelled : heap_.records.dropped).Add(1);
  if (was_queued) {
    ShadeSelf();
    Unqueue(record);
  }
}

void RegistryCore::Bury(Record& record) {
  ops_.destroy(HeldOf(record));
  MutexLock lock(mutex_);
  FreeUnlessInQueue(record);
}

void RegistryCore::FreeUnlessInQueue(Record& record) {
  if (record.in_queue) {
    record.state = Record::State::kDone;
  } else {
    Free(record);
  }
}

absl::StatusOr<bool> RegistryCore::Unregister(const void* token) {
  if (token == nullptr) {
    return absl::InvalidArgumentError("elegy: Unregister of a null token");
  }
  void* const start = StartOfOwn(CurrentImpl(), token);
  Records records;
  {
    MutexLock lock(mutex_);
    const auto found = by_token_.find(start);
    if (found == by_token_.end()) return false;
    records = std::move(found->second);
    by_token_.erase(found);
    for (Record* record : records) {
      record->token = nullptr;
      BeginEnd(*record, /*cancelled=*/true);
    }
  }
  const std::shared_ptr<RegistryCore> self = shared_from_this();
  for (Record* record : records) Bury(*record);
  return true;
}

bool RegistryCore::Cancel(RecordName name) {
  {
    MutexLock lock(mutex_);
    if (closed_ || !Names(name) || !CanEnd(*name.record)) return false;
    BeginEnd(*name.record, /*cancelled=*/true);
  }
  Bury(*name.record);
  return true;
}

void RegistryCore::Mark(TableMarker& marker) {
  if (ops_.trace == nullptr) return;
  for (std::size_t chunk = 0;; chunk++) {
    MutexLock lock(mutex_);
    if (chunk >= chunks_.size()) return;
    for (std::size_t i = 0; i < kChunkRecords; i++) {
      Record& record = RecordAt(chunk, i);
      if (!CanEnd(record) && record.state != Record::State::kRunning) continue;
      ops_.trace(HeldOf(record), marker.visitor());
    }
  }
}

void RegistryCore::Orphan() {
  MutexLock lock(mutex_);
  orphaned_ = true;
}

void RegistryCore::AppendTargets(std::vector<const void*>& targets) {
  MutexLock lock(mutex_);
  for (std::size_t chunk = 0; chunk < chunks_.size(); chunk++) {
    for (std::size_t i = 0; i < kChunkRecords; i++) {
      const Record& record = RecordAt(chunk, i);
      if (record.state == Record::State::kLive) targets.push_back(record.target);
    }
  }
}

void RegistryCore::DropAll() {
  // Linked, for a list of its own would need memory.
  Record* dropped = nullptr;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    for (std::size_t chunk = 0; chunk < chunks_.size(); chunk++) {
      for (std::size_t i = 0; i < kChunkRecords; i++) {
        Record& record = RecordAt(chunk, i);
        if (!CanEnd(record)) continue;
        BeginEnd(record, /*cancelled=*/false);
        record.next_free = std::exchange(dropped, &record);
      }
    }
  }
  while (dropped != nullptr) {
    Record& record = *dropped;
    dropped = record.next_free;
    Bury(record);
  }
}

void RegistryCore::ShadeSelf() {
  MutatorImpl* const mutator = CurrentImplOrNull();
  if (mutator == nullptr || &mutator->state != &heap_) return;
  if (PhaseWord::PhaseOf(heap_.phase.Load()) == Phase::kMarking) mutator->Shade(self_);
}

void RegistryCore::Close() {
  DropAll();
  MutexLock lock(mutex_);
  heap_.accounting.Give(chunks_.size() * kChunkRecords * record_bytes_);
  // Acquire: pairs with FinishRun.
  if (running_.load(std::memory_order_acquire) == 0) ReleaseCallback();
}

}  // namespace elegy::internal
