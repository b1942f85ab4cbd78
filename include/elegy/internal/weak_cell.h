// The place that holds a target weakly, and the mutator's side of the race against the flip.
//
// A read takes the phase word first, then the cell, then, if need be, the target's mark:
//   Idle        no target is dying, or every cell of a dead target has been nulled: the cell is
//               right as it stands.
//   Marking     a marked target is alive for this cycle. An unmarked one is brought back: count a
//               resurrection in the phase word by compare-exchange, then shade it. If the exchange
//               fails, the flip may have won: begin again. Before all mutators have been scanned
//               shading it is enough, and all that may be done (src/collector/cycle.cc).
//   WeakClosed  the marks are final: an unmarked target is dead, whether or not the collector has
//               come to this cell.
// A mark that was read before the phase decides nothing: a stack scan may have set it since. The
// cell is read after the phase too: phase Idle with a target read before clearing would hand out
// the dead. No safepoint lies between the three reads, so that handshake 4 ends every read that
// began before the cells were nulled.

#ifndef ELEGY_INTERNAL_WEAK_CELL_H_
#define ELEGY_INTERNAL_WEAK_CELL_H_

#include <atomic>
#include <cstdint>

#include "elegy/internal/mutator_core.h"

namespace elegy::internal {

class TracedTable;

// Fatal, with a message: a pointer that is not of this thread's heap.
[[noreturn]] void FailForeign(const void* object);
// Fatal so, unless `object` is null or lies in the current mutator's heap.
inline void CheckOwnHeap(const MutatorCore& mutator, const void* object) {
  if (object != nullptr && !mutator.heap->Contains(object)) FailForeign(object);
}

class WeakCell {
 public:
  WeakCell() = default;
  explicit WeakCell(void* target) : target_(target) {}
  WeakCell(const WeakCell&) = delete;
  WeakCell& operator=(const WeakCell&) = delete;

  // The target, alive until the caller's next safepoint at least, or null. Wait-free but for
  // retries against other resurrections.
  void* Read(MutatorCore& mutator) const {
    if (PhaseWord::PhaseOf(mutator.heap->phase.Load()) == Phase::kIdle) [[likely]]
      return OwnTarget(mutator);
    return ReadWhileCollecting(mutator);
  }

  // Whether a Read would return null; resurrects nothing.
  bool IsCleared(MutatorCore& mutator) const { return Peek(mutator) == nullptr; }

  // The target as Read would return it, but kept by nothing: only for comparing.
  const void* Peek(MutatorCore& mutator) const {
    if (!PhaseWord::IsWeakClosed(mutator.heap->phase.Load())) [[likely]]
      return OwnTarget(mutator);
    return PeekAfterFlip(mutator);
  }

  // `target` is held by the caller. Release: pairs with Target; the object is read as constructed.
  void Set(void* target) { target_.store(target, std::memory_order_release); }

  // The collector's clearing: nulls the cell unless it has been given another target meanwhile.
  // Relaxed on failure: the collector looks no further. Release on success: as Set.
  bool ClearIf(void* dead) {
    return target_.compare_exchange_strong(dead, nullptr, std::memory_order_release,
                                           std::memory_order_relaxed);
  }

  // The cell as it stands, whatever the phase: for the collector, and for reads in a known phase.
  // Acquire: pairs with Set.
  void* Target() const { return target_.load(std::memory_order_acquire); }

 private:
  // A target in another heap than the mutator's is fatal, with a message.
  void* OwnTarget(const MutatorCore& mutator) const {
    void* const target = Target();
    CheckOwnHeap(mutator, target);
    return target;
  }
  void* ReadWhileCollecting(MutatorCore& mutator) const;
  const void* PeekAfterFlip(MutatorCore& mutator) const;

  std::atomic<void*> target_{nullptr};
};

// Fatal, with a message, unless the WeakRef lies in the mutator's heap.
[[noreturn]] void FailWeakRefOutside();
inline void CheckManagedWeakRef(const MutatorCore& mutator, const void* ref) {
  if (!mutator.heap->Contains(ref)) FailWeakRefOutside();
}

// Gives a weak cell a target, which the caller holds, or null; a target that is not of the current
// mutator's heap is fatal, with a message. Clearing visits the cells and tables that the marker has
// met in traced objects. In an object that is not traced, because it was born black, a cell may
// still get a target that dies in this very cycle: from a mutator that has not been scanned yet, or
// because the target is condemned (Heap::Shutdown). Such writes are noted. Between the flip and the
// end of clearing a condemned target is dead: what is written is null.
void WriteWeakCell(WeakCell& cell, void* target);
// Before an entry is added to a weak table, of an object that begins at `start`: noted likewise.
// The caller holds the table's lock.
void NoteWeakWrite(MutatorCore& mutator, TracedTable& table, const void* start);

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_WEAK_CELL_H_
