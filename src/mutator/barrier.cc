// The write barrier's slow path, and weak reads while a cycle runs.
//
// Both act on the phase word of the mutator's heap (see elegy/internal/slot.h and weak_cell.h for
// the two protocols). Shading leaves the mark bit to the marker: it tests the bit, and pushes the
// object to this mutator's buffer if it is clear. Until the next round's answer the buffer belongs
// to this mutator; `dirty` makes that round count as not empty. A resurrection sets the bit at
// once, so that a storm of reads of one target counts once, and pushes a tagged entry: marked, to
// be traced. Before all mutators have been scanned it is shaded like any other.

#include <utility>

#include "elegy/internal/slot.h"
#include "elegy/internal/weak_cell.h"
#include "src/base/chaos.h"
#include "src/base/check.h"
#include "src/heap/directory.h"
#include "src/mutator/mutator_impl.h"
#include "src/mutator/weak_access.h"

namespace elegy::internal {

void FailNotAttached() {
  if (t_collecting != nullptr) {
    Fail(
        "a destructor, a Trace, an observer or an on_ready makes, reads or writes something "
        "managed: what has to be done with managed objects when one has died belongs into the "
        "callback of a FinalizationRegistry");
  }
  Fail("this thread is not attached to a heap: it needs an elegy::Mutator");
}

namespace {

bool IsOnStack(const MutatorImpl& mutator, const void* slot) {
  return slot >= mutator.stack.lowest && slot < mutator.stack.base;
}

// A slot outside this thread's heap: a local variable needs no barrier, nor does a slot of an
// object whose destructor runs; one of a heap that the thread is not attached to is a misuse.
[[gnu::noinline]] void CheckForeignSlot(const void* slot) {
  if (t_mutator != nullptr && (HeapCount() == 1 || IsOnStack(CurrentImpl(), slot))) return;
  if (t_destroying != nullptr && t_destroying->Contains(slot)) return;
  if (FindHeap(slot) == nullptr) return;
  if (t_mutator == nullptr) FailNotAttached();
  Fail("a store to a slot of another heap than this thread's mutator is attached to");
}

// The two parts of the barrier. Out of line, so that a store to an empty slot needs no frame.
[[gnu::noinline]] void ShadeForStore(MutatorImpl& mutator, const void* old_value,
                                     const void* new_value) {
  ELEGY_CHAOS_POINT("barrier on, nothing shaded");
  mutator.Shade(old_value);
  ELEGY_CHAOS_POINT("old value shaded");
  if (!mutator.scanned) mutator.Shade(new_value);
  ELEGY_CHAOS_POINT("shaded, nothing stored");
}

}  // namespace

void MutatorImpl::Push(void* entry) {
  dirty = true;
  if (buffer == nullptr)
    NeedsMemory([this] { buffer = std::make_unique_for_overwrite<Segment>(); });
  buffer->Push(entry);
  if (buffer->Full()) PublishBuffer();
}

void MutatorImpl::PublishBuffer() {
  NeedsMemory([this] { state.worklist.Publish(std::move(buffer)); });
}

void MutatorImpl::Shade(const void* object) {
  if (object == nullptr || !state.Contains(object)) return;
  if (state.IsMarked(object)) return;
  ELEGY_CHAOS_POINT("seen white, not pushed");
  void* const entry = Untagged(const_cast<void*>(object));
  if (buffer == nullptr || !buffer->EndsWith(entry)) Push(entry);
}

void WriteBarrier(const void* slot, const void* old_value, const void* new_value) {
  MutatorImpl* const mutator = CurrentImplOrNull();
  if (mutator == nullptr || !mutator->state.Contains(slot)) [[unlikely]]
    return CheckForeignSlot(slot);
  if (PhaseWord::PhaseOf(mutator->state.phase.Load()) != Phase::kMarking) {
    ELEGY_CHAOS_POINT("barrier off, nothing stored");
    return;
  }
  // Of most slots it is the first store.
  if (old_value != nullptr || !mutator->scanned) ShadeForStore(*mutator, old_value, new_value);
}

void* WeakCell::ReadWhileCollecting(MutatorCore& core) const {
  auto& mutator = static_cast<MutatorImpl&>(core);
  HeapState& state = mutator.state;
  while (true) {
    const std::uint64_t word = state.phase.Load();
    ELEGY_CHAOS_POINT("phase read, cell not");
    void* const target = OwnTarget(core);
    ELEGY_CHAOS_POINT("cell read, mark not");
    if (target == nullptr || PhaseWord::PhaseOf(word) == Phase::kIdle) return target;
    const ObjectRef ref = state.Resolve(target);
    const bool marked = state.MarkBits().Test(ref.block, ref.index);
    ELEGY_CHAOS_POINT("mark read");
    if (PhaseWord::IsWeakClosed(word)) {
      return marked && !IsCondemned(state, ref.start) ? target : nullptr;
    }
    if (marked) return target;
    if (!state.AllScanned()) {
      mutator.Shade(target);  // and no more: see src/collector/cycle.cc
      return target;
    }
    if (!state.phase.CountResurrection(word)) continue;
    ELEGY_CHAOS_POINT("counted, not marked");
    Resurrect(mutator, ref);
    return target;
  }
}

const void* WeakCell::PeekAfterFlip(MutatorCore& core) const {
  const auto& state = StateOf(core);
  const void* const target = OwnTarget(core);
  if (target == nullptr) return nullptr;
  const ObjectRef ref = state.Resolve(target);
  const bool live = state.MarkBits().Test(ref.block, ref.index) && !IsCondemned(state, ref.start);
  return live ? target : nullptr;
}

}  // namespace elegy::internal
