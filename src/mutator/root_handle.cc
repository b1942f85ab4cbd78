// Persistent and WeakPersistent: nodes of the root table (src/heap/root_table.h).
//
// A WeakPersistent has its target's address beside its node, for most reads to do without the node.
// What a cell holds is nulled between a flip and the phase Idle after it, and at no other time. So
// who sees phase Idle and then the node hold the target, knows it for the whole of that phase, and
// writes the phase's number into the handle. Who reads the handle later, and sees phase Idle and
// then the same number, need not look at the node. Each reads the phase first, and reaches no
// safepoint until it is done: the number changes between a flip, before which the reader has to
// answer a handshake, and phase Idle, so that it is the number of the phase that was read. The
// other way round it might be the number from before a clearing whose end is read as phase Idle.
//
// What is read in another phase says nothing of the next: a target that is condemned is marked, and
// a read that began before the flip still returns it while its cells are being nulled.
//
// A number is of one heap and one phase: a handle that is read on a thread of another heap, or
// after its heap's end, is sent to its node. The address changes by assignments alone, which nobody
// may do beside a reader; they take the number away. Readers beside each other write the same
// number.

#include "elegy/persistent.h"
#include "src/base/chaos.h"
#include "src/base/check.h"
#include "src/heap/directory.h"
#include "src/heap/root_table.h"
#include "src/mutator/mutator_impl.h"
#include "src/mutator/weak_access.h"

namespace elegy::internal {

namespace {

// The calling thread's mutator if it is attached to that heap and answers handshakes itself: inside
// a BlockingRegion the collector does, and its thread is like one that is not attached.
MutatorImpl* MutatorOf(const HeapCore* heap) {
  MutatorImpl* const mutator = CurrentImplOrNull();
  return mutator != nullptr && mutator->heap == heap && mutator->blocking_depth == 0 ? mutator
                                                                                     : nullptr;
}

HeapState& HeapOf(const void* target) {
  MutatorImpl* const mutator = CurrentImplOrNull();
  if (mutator != nullptr && mutator->state.Contains(target)) return mutator->state;
  HeapState* const heap = FindHeap(target);
  if (heap == nullptr) {
    Fail("a handle to an object that is in no heap: it was not made by elegy::Make");
  }
  return *heap;
}

// Gives a weak node a target, which the caller holds. A mutator of the heap may do so without the
// table's lock unless this cycle condemns something: handshake 1 of the next ends its store.
void WriteWeakNode(HeapState& heap, RootNode& node, void* target) {
  if (MutatorOf(&heap) != nullptr && (PhaseWord::PhaseOf(heap.phase.Load()) == Phase::kIdle ||
                                      heap.Condemned() == nullptr)) [[likely]] {
    return node.cell.Set(target);
  }
  ELEGY_CHAOS_POINT("weak handle to be written");
  node.table->StoreUnlessDead(node, target,
                              [&] { return IsDeadThoughHeld(heap, heap.Resolve(target).start); });
}

// The deletion part alone: see src/heap/root_table.h.
void Barrier(MutatorImpl& mutator, const void* old_target) {
  if (PhaseWord::PhaseOf(mutator.heap->phase.Load()) == Phase::kMarking) mutator.Shade(old_target);
  ELEGY_CHAOS_POINT("handle's old target shaded");
}

}  // namespace

void RootHandle::AssignStrong(void* target) {
  if (target == nullptr) return Replace(nullptr);
  // The target's heap, which the caller keeps: the one that the node is of may be ending.
  const HeapState& heap = HeapOf(target);
  if (node_ == nullptr || node_->table != heap.roots) {
    return Replace(heap.roots->NewNode(target, /*strong=*/true));
  }
  MutatorImpl* const mutator = MutatorOf(&heap);
  if (mutator == nullptr) return node_->table->StoreShading(*node_, target);
  Barrier(*mutator, node_->cell.Target());
  node_->cell.Set(target);
}

// Who is attached to the heap keeps it from ending. Anybody else looks at what the source holds
// under the lock of its table, which lives as long as the source does.
void RootHandle::CopyStrong(const RootHandle& source, void* target) {
  if (target == nullptr) return Replace(nullptr);
  RootTable* const table = source.node_->table;
  MutatorImpl* const mutator = CurrentImplOrNull();
  if (mutator != nullptr && mutator->state.roots == table) return AssignStrong(target);
  if (node_ == nullptr || node_->table != table) Replace(table->NewNode(nullptr, /*strong=*/true));
  table->CopyShading(*node_, *source.node_, target);
}

void RootHandle::Replace(RootNode* node) noexcept {
  Release();
  node_ = node;
}

// A mutator of the heap shades behind its own barrier; any other thread under the table's lock.
void RootHandle::Release() noexcept {
  if (node_ == nullptr) return;
  bool shade = node_->strong;
  MutatorImpl* const mutator = CurrentImplOrNull();
  if (mutator != nullptr && mutator->state.roots == node_->table && mutator->blocking_depth == 0) {
    if (node_->strong) Barrier(*mutator, node_->cell.Target());
    shade = false;
  }
  node_->table->FreeNode(node_, shade);
  node_ = nullptr;
}

void WeakHandle::Assign(void* target) {
  if (target == nullptr) {
    Replace(nullptr);
  } else {
    HeapState& heap = HeapOf(target);
    if (node() == nullptr || node()->table != heap.roots) {
      Replace(heap.roots->NewNode(nullptr, /*strong=*/false));
    }
    WriteWeakNode(heap, *node(), target);
  }
  hidden_target_ = Hidden(target);
  seen_.Store(0);
}

void* WeakHandle::Read() const {
  const MutatorImpl* const mutator = CurrentImplOrNull();
  if (mutator != nullptr && mutator->blocking_depth == 0) [[likely]] {
    const HeapCore& heap = *mutator->heap;
    const Phase phase = PhaseWord::PhaseOf(heap.phase.Load());
    ELEGY_CHAOS_POINT("phase read, number not read");
    if (phase == Phase::kIdle && heap.idle.Load() == seen_.Load()) [[likely]]
      return reinterpret_cast<void*>(~hidden_target_);
  }
  return node() == nullptr ? nullptr : ReadNode();
}

void* WeakHandle::ReadNode() const {
  HeapCore* const heap = node()->table->heap();
  if (heap == nullptr) return nullptr;
  const WeakCell& cell = node()->cell;
  MutatorImpl* const mutator = MutatorOf(heap);
  if (mutator == nullptr) {
    if (cell.Target() == nullptr) return nullptr;
    Fail(
        "WeakPersistent::Get on a thread that is not attached to its target's heap, or inside an "
        "elegy::BlockingRegion");
  }
  const bool is_idle = PhaseWord::PhaseOf(heap->phase.Load()) == Phase::kIdle;
  void* const target = cell.Read(*mutator);
  ELEGY_CHAOS_POINT("node read, number not written");
  if (is_idle && target != nullptr) seen_.Store(heap->idle.Load());
  return target;
}

}  // namespace elegy::internal
