// What the tables outside the heap (weak tables, registries, caches) need of heap and mutator.

#ifndef ELEGY_SRC_WEAK_TABLE_ACCESS_H_
#define ELEGY_SRC_WEAK_TABLE_ACCESS_H_

#include "elegy/internal/value_ops.h"
#include "src/mutator/mutator_impl.h"

namespace elegy::internal {

// The start of the object that an address names. Fatal, with a message, for another heap's.
void* StartOfOwn(const MutatorImpl& mutator, const void* address);

// The target as a weak cell's read would return it: kept alive by the caller's stack, or null.
// The caller holds the lock under which the collector would remove the entry.
void* ReadWeakTarget(MutatorImpl& mutator, void* target);
// The same without keeping it alive: whether it is dead.
bool IsDeadTarget(const MutatorImpl& mutator, const void* target);

// What an overwritten or dropped value refers to is shaded while the heap is marking...
void ShadeDropped(const ValueOps& ops, const void* value);
// ... and what an inserted one does, until this mutator's stack has been scanned.
void ShadeAdded(const ValueOps& ops, const void* value);

// Adds what a value refers to to the mutator's callback roots. Throws std::bad_alloc and has then
// changed nothing.
void AddCallbackRoots(MutatorImpl& mutator, const ValueOps& ops, const void* value);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_WEAK_TABLE_ACCESS_H_
