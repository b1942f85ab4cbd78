// Going through fork().
//
// The child has one thread, the one that forked, and a copy of all memory as it was at that moment.
// So at that moment no other thread may be in the middle of anything. The collector and the markers
// have ended; a mutator inside a BlockingRegion touches neither the heap nor its locks, and is kept
// there as the collector keeps one while it acts in its place. A mutator that waits within the
// library, for a cycle or for a cache's object that another one makes, is blocked too, but in or
// before a lock or a condition variable, which its copy would never leave: it is refused, from
// before it blocks until after. So is a thread without a mutator that waits for a cycle.
//
// In the child the other mutators are copies without threads: they give back what they have
// claimed, the callbacks that they were running count as delivered, and they are forgotten. Their
// stacks are no more: the C library gives them to the threads that the child starts, for another
// heap, say. What they were constructing is therefore noted before the fork.

#include <vector>

#include "elegy/internal/allocate.h"
#include "elegy/internal/registry_core.h"
#include "src/base/check.h"
#include "src/collector/heap_impl.h"
#include "src/mutator/handshake.h"
#include "src/mutator/mutator_impl.h"
#include "src/platform/platform.h"

namespace elegy::internal {

[[gnu::noinline]] absl::Status HeapImpl::PrepareFork() {
  FailIfCollecting();
  if (forking_process_ != 0) Fail("Heap::PrepareFork without AfterFork since the last one");
  MutatorImpl* const running = UnblockedMutator();
  // Blocked, for the collector may be waiting for an answer, or that of the mutator's own heap.
  if (running != nullptr) EnterBlocked(*running, __builtin_frame_address(0));
  StopThreads();
  if (running != nullptr) LeaveBlocked(*running);
  const char* refused = nullptr;
  if (state_.request.HasWaiting()) {
    refused = "elegy: Heap::PrepareFork while another thread waits for a cycle";
  } else {
    MutexLock lock(state_.mutators_mutex);
    if (KeepBlocked(state_, CurrentImplOrNull())) {
      NoteUnfinished();
    } else {
      refused =
          "elegy: Heap::PrepareFork while another mutator is not inside a BlockingRegion of its "
          "own";
    }
  }
  if (refused != nullptr) {
    StartThreads();
    return absl::FailedPreconditionError(refused);
  }
  forking_process_ = platform::ProcessId();
  return absl::OkStatus();
}

void HeapImpl::NoteUnfinished() {
  for (const auto& [id, mutator] : state_.mutators) {
    if (mutator != CurrentImplOrNull()) mutator->NoteUnfinished();
  }
}

void HeapImpl::AfterFork() {
  if (forking_process_ == 0) Fail("Heap::AfterFork without PrepareFork");
  if (forking_process_ != platform::ProcessId()) ForgetOtherMutators();
  StartThreads();
  forking_process_ = 0;
  MutexLock lock(state_.mutators_mutex);
  LetGo(state_);
}

void HeapImpl::ForgetOtherMutators() {
  MutatorImpl* const own = CurrentImplOrNull();
  if (own != nullptr) own->thread_id = platform::ThreadId();
  SlotCheck::ForgetOtherThreads();
  std::vector<MutatorImpl*> others;
  {
    MutexLock lock(state_.mutators_mutex);
    for (const auto& [id, mutator] : state_.mutators) {
      if (mutator != own) others.push_back(mutator);
    }
  }
  for (MutatorImpl* mutator : others) {
    for (const Delivery& delivery : mutator->deliveries) {
      delivery.core->EndVanished(delivery.record);
      MutexLock lock(state_.ready_mutex);
      delivery.core->EndTurn(*mutator);
    }
    mutator->Vanish();
  }
}

}  // namespace elegy::internal
