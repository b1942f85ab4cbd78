// Attaching and detaching.

#include "src/mutator/mutator_impl.h"

#include <atomic>
#include <exception>

#include "elegy/internal/allocate.h"
#include "src/base/chaos.h"
#include "src/base/check.h"
#include "src/mutator/allocation.h"
#include "src/mutator/handshake.h"

namespace elegy::internal {

namespace {

std::uint64_t NextId() {
  static std::atomic<std::uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);  // unique, nothing more
}

}  // namespace

MutatorImpl::MutatorImpl(HeapState& heap_state) : state(heap_state), id(NextId()) {
  heap = &heap_state;
  static thread_local const platform::StackBounds bounds = platform::StackOfThread();
  stack.lowest = bounds.lowest;
  stack.base = bounds.base;
  stack.lost_words = std::make_unique_for_overwrite<std::uintptr_t[]>(StackExtent::kMostLostWords);
  MutexLock lock(state.mutators_mutex);
  AdoptNewestState(state, *this);
  state.cores.AddThoseOfThisThread();
  state.mutators.emplace(id, this);
  state.attached.fetch_add(1, std::memory_order_acq_rel);  // as declared
  // A safepoint soon looks whether registries without a home have records ready.
  control.store(kRecordsReady, std::memory_order_relaxed);  // published by the lock
}

void FailWrongThread() {
  if (t_mutator == nullptr) FailNotAttached();
  Fail("an elegy::Mutator is used on another thread than it was made on");
}

void CheckThread(const MutatorImpl& mutator) {
  if (t_mutator != &mutator) FailWrongThread();
}

void CheckUse(const MutatorImpl& mutator) {
  CheckThread(mutator);
  if (mutator.blocking_depth != 0) {
    Fail(
        "a safepoint, an elegy::Make or a callback inside an elegy::BlockingRegion, where nothing "
        "managed may be touched");
  }
}

bool MutatorImpl::MayWait() const {
  return constructing == nullptr && blocking_depth == 0 && deliveries.empty() &&
         std::uncaught_exceptions() == 0;
}

// Blocked while it waits for the lock, so that whoever holds it need not wait for this thread.
[[gnu::noinline]] void MutatorImpl::Detach() {
  if (constructing != nullptr || blocking_depth != 0 || !deliveries.empty()) {
    Fail(
        "an elegy::Mutator is destroyed inside a managed object's constructor, an "
        "elegy::BlockingRegion or a callback of a registry");
  }
  kept.Clear();
  stack_state = StackState::kNoPointers;
  EnterBlocked(*this, __builtin_frame_address(0));
  ELEGY_CHAOS_POINT("blocked to detach");
  MutexLock lock(state.mutators_mutex);
  // Requests to blocked mutators are answered under the lock: none is pending.
  LeaveBlocked(*this);
  PublishBuffer();
  ELEGY_CHAOS_POINT("buffer published to detach");
  if (dirty) SetRoundDirty(state);
  GiveUpBlocks(*this);
  state.mutators.erase(id);
  state.attached.fetch_sub(1, std::memory_order_acq_rel);  // as declared
  HandOverReady();
}

void MutatorImpl::NoteUnfinished() {
  unfinished.clear();
  for (const ConstructionNode* node = constructing; node != nullptr; node = node->outer) {
    NeedsMemory([&] { unfinished.push_back(node->object); });
  }
}

void MutatorImpl::Vanish() {
  constructing = nullptr;
  for (void* object : unfinished) AbandonCell(*this, object);
  GiveUpBlocks(*this);
  state.shutdowns.Subtract(shutdowns);
  MutexLock lock(state.mutators_mutex);
  state.mutators.erase(id);
  state.attached.fetch_sub(1, std::memory_order_acq_rel);  // as declared
  HandOverReady();
}

// Relaxed: the lists are looked at under their lock.
void MutatorImpl::SetReadyBit() { control.fetch_or(kRecordsReady, std::memory_order_relaxed); }

// What is ready for this mutator becomes any mutator's.
void MutatorImpl::HandOverReady() {
  MutexLock lock(state.ready_mutex);
  if (ready.empty()) return;
  state.ready_any.splice(state.ready_any.end(), ready);
  for (const auto& [other_id, other] : state.mutators) other->SetReadyBit();
}

}  // namespace elegy::internal
