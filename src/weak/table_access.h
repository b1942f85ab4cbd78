// What the tables outside the heap (weak tables, registries, caches) need of heap and mutator.

#ifndef ELEGY_SRC_WEAK_TABLE_ACCESS_H_
#define ELEGY_SRC_WEAK_TABLE_ACCESS_H_

#include <cstdint>
#include <initializer_list>

#include "elegy/internal/value_ops.h"
#include "elegy/internal/weak_cell.h"
#include "src/base/check.h"
#include "src/mutator/mutator_impl.h"

namespace elegy::internal {

// Fatal, with a message, unless the calling thread is attached to this heap: a mutator of another
// one answers none of its handshakes.
inline void CheckUserOfTable(const HeapState& heap) {
  if (&CurrentImpl().state == &heap) return;
  Fail("a weak collection of another heap than this thread's mutator is attached to");
}

// The start of the object that an address names. Fatal, with a message, for another heap's.
inline void* StartOfOwn(const MutatorImpl& mutator, const void* address) {
  CheckOwnHeap(mutator, address);
  return mutator.state.Resolve(address).start;
}

// The target as a weak cell's read would return it: kept alive by the caller's stack, or null.
// The caller holds the lock under which the collector would remove the entry.
void* ReadWeakTarget(MutatorImpl& mutator, void* target);
// The same without keeping it alive: whether it is dead.
bool IsDeadTarget(const MutatorImpl& mutator, const void* target);

// Why a value's targets are shaded. Where nothing may reach the value, not even the mutator that
// drops it, they may be unmarked although the last termination round has found nothing: then each
// counts as resurrected first, as if it were read from a weak cell, so that the flip fails.
enum class Shading : std::uint8_t { kDropped, kDroppedUnreached, kAdded };

// While the heap is marking, shades what a value of one of its tables refers to; of one that is
// added, until this mutator's stack has been scanned.
void ShadeTargets(const HeapState& heap, const ValueOps& ops, const void* value, Shading why);
inline void ShadeValue(const HeapState& heap, const ValueOps& ops, const void* value, Shading why) {
  if (ops.trace == nullptr || !BarrierMayBeOn()) return;
  ShadeTargets(heap, ops, value, why);
}
// Of a value that is overwritten or dropped, and that the mutator reaches...
inline void ShadeDropped(const HeapState& heap, const ValueOps& ops, const void* value) {
  ShadeValue(heap, ops, value, Shading::kDropped);
}
// ... or that it may not reach...
inline void ShadeDroppedUnreached(const HeapState& heap, const ValueOps& ops, const void* value) {
  ShadeValue(heap, ops, value, Shading::kDroppedUnreached);
}
// ... and of one that is inserted.
inline void ShadeAdded(const HeapState& heap, const ValueOps& ops, const void* value) {
  ShadeValue(heap, ops, value, Shading::kAdded);
}

// Adds what a value refers to to the mutator's callback roots. Throws std::bad_alloc and has then
// changed nothing.
void AddCallbackRoots(MutatorImpl& mutator, const ValueOps& ops, const void* value);

// Waits for a cycle that is to make room for a value, which it keeps with what else the caller is
// about to use: its stack may not be scanned. Throws std::bad_alloc.
void AwaitRoomFor(MutatorImpl& mutator, const ValueOps& ops, const void* value,
                  std::initializer_list<const void*> kept);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_WEAK_TABLE_ACCESS_H_
