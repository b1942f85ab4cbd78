#include "src/mutator/weak_access.h"

#include <vector>

#include "elegy/internal/weak_cell.h"
#include "src/base/chaos.h"
#include "src/base/check.h"
#include "src/heap/directory.h"

namespace elegy::internal {

bool IsCondemned(const HeapState& state, const void* object) {
  const auto* const condemned = state.Condemned();
  return condemned != nullptr && condemned->contains(object);
}

void Resurrect(MutatorImpl& mutator, const ObjectRef& target) {
  mutator.dirty = true;
  std::atomic<std::uint64_t>& word = mutator.state.MarkBits().WordOf(target.block, target.index);
  ELEGY_CHAOS_POINT("dirty, not marked");
  if (!ObjectBits::TrySet(word, ObjectBits::MaskOf(target.index))) return;
  ELEGY_CHAOS_POINT("resurrected, not pushed");
  mutator.Push(
      reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(target.start) | kMarkedTag));
}

void FailForeign(const void* object) {
  Fail(FindHeap(object) != nullptr
           ? "a pointer of another heap than this thread's mutator is attached to"
           : "a pointer to an object that is in no heap: it was not made by elegy::Make");
}

void FailWeakRefOutside() {
  Fail("a WeakRef outside this thread's heap: make it by elegy::Make, or use a WeakPersistent");
}

namespace {

bool IsMarking(const HeapState& state) {
  return PhaseWord::PhaseOf(state.phase.Load()) == Phase::kMarking;
}

// While the heap is marking: the marker may have passed the cell or entry already, and the target
// may be dead at the flip. In phase Idle nothing is black, and handshake 1 ends the write before
// anything is.
bool MayEscapeClearing(const MutatorImpl& mutator, const void* start) {
  return !mutator.scanned || IsCondemned(mutator.state, start);
}

}  // namespace

// Noted and written under one lock, under which clearing takes the list after the flip. So if it
// takes this cell, the target is in it; if not, the flip is seen here. A cell outside the heap is a
// local on its way into an object.
void WriteWeakCell(WeakCell& cell, void* target) {
  if (target == nullptr) return cell.Set(nullptr);
  MutatorImpl& mutator = CurrentImpl();
  CheckOwnHeap(mutator, target);
  HeapState& state = mutator.state;
  if (mutator.constructing != nullptr && state.Contains(&cell)) {
    mutator.constructing_cells.Add(cell, *mutator.constructing);
  }
  if (PhaseWord::PhaseOf(state.phase.Load()) == Phase::kIdle) [[likely]]
    return cell.Set(target);
  const void* const start = state.Resolve(target).start;
  if (!MayEscapeClearing(mutator, start)) [[likely]]
    return cell.Set(target);
  ELEGY_CHAOS_POINT("cell to be noted");
  MutexLock lock(state.noted_mutex);
  if (IsMarking(state) && state.Contains(&cell)) state.noted_cells.push_back(&cell);
  cell.Set(IsDeadThoughHeld(state, start) ? nullptr : target);
}

void NoteConstructingCells(MutatorImpl& mutator) {
  HeapState& state = mutator.state;
  if (state.Condemned() == nullptr) return;
  MutexLock lock(state.noted_mutex);
  mutator.constructing_cells.AppendTo(state.noted_cells);
}

void NoteWeakWrite(MutatorCore& core, TracedTable& table, const void* start) {
  auto& mutator = static_cast<MutatorImpl&>(core);
  if (!IsMarking(mutator.state) || !MayEscapeClearing(mutator, start)) [[likely]]
    return;
  MutexLock lock(mutator.state.noted_mutex);
  std::vector<TracedTable*>& tables = mutator.state.noted_tables;
  if (tables.empty() || tables.back() != &table) tables.push_back(&table);
}

}  // namespace elegy::internal
