// Which mutator runs which registry's callbacks.
//
// A registry whose records have become queued is on one ready list: its home mutator's, or the
// heap's, from which any mutator takes. It stays there until a drain finds it without queued
// records. A home mutator that detaches leaves its list to the heap's. Both lists are guarded by
// ready_mutex; the bit kRecordsReady in a mutator's control word makes its next safepoint look.
//
// A registry whose callbacks are the home's alone runs them on one thread at a time also when the
// home has gone: whose safepoint comes first has a turn, and others pass the registry by until that
// is over. Who passes one by keeps its bit, for the turn may end with records left. Callbacks that
// a program asks for on a thread of its choice (CleanupSome, RunNow, Shutdown) wait for no turn.

#ifndef ELEGY_SRC_WEAK_DELIVERY_H_
#define ELEGY_SRC_WEAK_DELIVERY_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "elegy/internal/registry_core.h"
#include "src/mutator/mutator_impl.h"

namespace elegy::internal {

// The collector, after it has queued records of these registries.
void AnnounceReady(HeapState& heap, const std::vector<std::shared_ptr<RegistryCore>>& ready);

// At a safepoint, when handshakes have been answered: runs what is queued for this mutator, at most
// so many callbacks; returns how many. A callback's exception leaves it.
std::size_t RunReady(MutatorImpl& mutator, std::size_t max_callbacks);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_WEAK_DELIVERY_H_
