// Waiting for collections, and for the room that they make. A mutator that waits is blocked: the
// collector acts in its place.

#ifndef ELEGY_SRC_MUTATOR_WAITING_H_
#define ELEGY_SRC_MUTATOR_WAITING_H_

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "src/mutator/mutator_impl.h"

namespace elegy::internal {

// Waits, with the calling thread's mutator blocked.
void AwaitBlocked(MutatorImpl& mutator, StackState stack, absl::FunctionRef<void()> wait);

// The calling thread's mutator waits for a cycle that it asks for when it is blocked: so the
// collector answers all handshakes in its place, and finds memory for the answers even where this
// thread has just found none.
void AwaitNewCycle(MutatorImpl& mutator, StackState stack);

// What an allocation at max_heap_bytes has waited for.
struct WaitedForRoom {
  bool at_all = false;
  int cycles = 0;  // that began after it had found no room
};

// At max_heap_bytes: waits for a full cycle; or the first time for the one that is running, which
// may make room, too, and ends sooner.
void AwaitRoom(MutatorImpl& mutator, WaitedForRoom& waited);

// Whether there will be no room for so many bytes, after as many full cycles as have been waited
// for.
bool IsHopeless(const HeapState& state, std::size_t bytes, int cycles);

// Whether the pool, whose range is spent or to which the system gives no more, may have something
// after another cycle than those that have been waited for.
bool AnotherCycleMayHelp(int cycles);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MUTATOR_WAITING_H_
