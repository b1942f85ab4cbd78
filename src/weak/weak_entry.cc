#include "elegy/internal/weak_entry.h"

#include "elegy/internal/weak_cell.h"
#include "src/mutator/external_debt.h"
#include "src/mutator/weak_access.h"
#include "src/weak/table_access.h"

namespace elegy::internal {

// In the order of WeakTable::MayInsert.
bool WeakEntry::MayHold(void* target, TracedTable& table) {
  MutatorImpl& mutator = CurrentImpl();
  void* const start = StartOfOwn(mutator, target);
  NoteWeakWrite(mutator, table, start);
  return !IsDeadThoughHeld(mutator.state, start);
}

void* WeakEntry::Read() const { return ReadWeakTarget(CurrentImpl(), target_); }

bool WeakEntry::IsDead() const { return IsDeadTarget(CurrentImpl(), target_); }

bool WeakEntry::MayBeDying() { return PhaseWord::IsWeakClosed(CurrentImpl().state.phase.Load()); }

void CollectForEntry(const void* target, const void* table) {
  constexpr ValueOps kNoValue = {};
  AwaitRoomFor(CurrentImpl(), kNoValue, nullptr, {target, table});
}

TableBytes::TableBytes() : heap_(CurrentImpl().state) {}
TableBytes::~TableBytes() { heap_.accounting.GiveNative(bytes_); }

void TableBytes::CheckMutator() const { CheckUserOfTable(heap_); }

void TableBytes::Take(std::size_t bytes) {
  heap_.TakeNative(bytes);
  OweWaitIfFarBeyondGoal(heap_, bytes);
  bytes_ += bytes;
}

void TableBytes::Give(std::size_t bytes) {
  heap_.accounting.GiveNative(bytes);
  bytes_ -= bytes;
}

}  // namespace elegy::internal
