#include "src/mutator/weak_access.h"

#include "elegy/internal/weak_cell.h"
#include "src/base/chaos.h"
#include "src/base/check.h"
#include "src/heap/directory.h"

namespace elegy::internal {

namespace {

// Acquire: pairs with the release in Shutdown; the set is read as it was completed.
const absl::flat_hash_set<const void*>* Condemned(const HeapState& state) {
  return state.condemned.load(std::memory_order_acquire);
}

}  // namespace

bool IsCondemned(const HeapState& state, const void* object) {
  const auto* const condemned = Condemned(state);
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

void CheckOwnHeap(const MutatorCore& mutator, const void* object) {
  if (object == nullptr || mutator.heap->Contains(object)) return;
  Fail(FindHeap(object) != nullptr
           ? "a pointer of another heap than this thread's mutator is attached to"
           : "a pointer to an object that is in no heap: it was not made by elegy::Make");
}

namespace {

bool MayEscapeClearing(const MutatorImpl& mutator) {
  const HeapState& state = mutator.state;
  const bool grey_stack =
      !mutator.scanned && PhaseWord::PhaseOf(state.phase.Load()) == Phase::kMarking;
  return grey_stack || Condemned(state) != nullptr;
}

}  // namespace

// A cell outside the heap is a handle's, which clearing visits anyway, or a local on its way into
// an object.
void NoteWeakWrite(MutatorCore& core, WeakCell& cell) {
  auto& mutator = static_cast<MutatorImpl&>(core);
  if (!MayEscapeClearing(mutator) || !mutator.state.Contains(&cell)) [[likely]]
    return;
  ELEGY_CHAOS_POINT("cell to be noted");
  MutexLock lock(mutator.state.noted_mutex);
  mutator.state.noted_cells.push_back(&cell);
}

void NoteWeakWrite(MutatorCore& core, TracedTable& table) {
  auto& mutator = static_cast<MutatorImpl&>(core);
  if (!MayEscapeClearing(mutator)) [[likely]]
    return;
  MutexLock lock(mutator.state.noted_mutex);
  std::vector<TracedTable*>& tables = mutator.state.noted_tables;
  if (tables.empty() || tables.back() != &table) tables.push_back(&table);
}

}  // namespace elegy::internal
