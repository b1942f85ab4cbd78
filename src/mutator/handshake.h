// Handshakes: the collector asks every mutator, each at its own next safepoint, to do one thing.
//
// Who may be where. A mutator is running, or blocked (inside a BlockingRegion or waiting for a
// collection). Its `control` word holds the request that it has not answered, whether it is
// blocked, and whether the collector is acting in its place:
//
//     running           --(Enter: no request pending)-->  kBlocked
//     kBlocked          --(Leave)---------------------->  running
//     kBlocked|request  --(collector)------------------>  kBlocked|kServing|request
//     ...|kServing      --(collector, answer done)----->  kBlocked
//     kBlocked|kServing --(Leave: sets kWaiting, sleeps until kServing is gone, tries again)
//
// All transitions are read-modify-writes of that one word, so each of the two sees what the other
// did before it: a request posted to a running mutator is answered by that mutator, before it may
// block; one posted to a blocked mutator is answered by the collector, or by the mutator if it
// leaves first. Acquire-release throughout: who answers has seen all that the collector did before
// the request; the collector, once `outstanding` is zero, has seen all that the mutators did before
// their answers. Nobody waits for another mutator's answer but the collector.
//
// But where more mutators run than there are cores, who has answered sleeps if others have not: 50
// us for each mutator that its core has to serve, 2 ms at most, whatever the others do. Otherwise
// each of those comes to its safepoint only when the system lets it run, after the time slices of
// all before it, 4 ms each, in all of the five and more handshakes of a cycle. sched_yield gives a
// turn only to those whose turn it nearly is. Nobody wakes the sleepers: the collector would, and
// be put behind those that it wakes. Who answers last goes on, so that no core is left idle but to
// wait for sleepers; and who is about to block need not sleep.
//
// A new mutator takes the state that an answer to the newest request would have given it; a mutator
// that leaves answers first. Both happen under mutators_mutex, under which requests are posted too,
// so every mutator is asked exactly once.
//
// What the answers do:
//   kBarrierOn  nothing: the answer itself says that no store of this mutator is under way whose
//               barrier was seen off.
//   kScanStack  black allocation on (the rest of the claimed runs is blackened), objects under
//               construction are marked and scanned conservatively, stack and registers become
//               candidates, and what is on the kept-alive list is handed over as it lies.
//   kRound      the barrier buffer is handed over; was anything shaded since the last round?
//   kQuiesce    no weak read begun before is under way; black allocation off; blocks given back.
//   kHold       stand still until released.

#ifndef ELEGY_SRC_MUTATOR_HANDSHAKE_H_
#define ELEGY_SRC_MUTATOR_HANDSHAKE_H_

#include <vector>

#include "src/heap/heap_state.h"
#include "src/mutator/mutator_impl.h"

namespace elegy::internal {

// The collector's side. Posts a request and returns once every mutator has answered it.
void RunHandshake(HeapState& state, Handshake kind);

// Holds every mutator, running or blocked, and attach and detach, for the scope's life. Between two
// scopes there has to be a handshake: a mutator that the first has held may not have looked yet
// when the second begins, and would sleep on without having answered it.
class ELEGY_SCOPED_CAPABILITY HoldScope {
 public:
  // Throws std::bad_alloc, and holds nobody then.
  explicit HoldScope(HeapState& state) ELEGY_ACQUIRE(state.mutators_mutex);
  HoldScope(const HoldScope&) = delete;
  HoldScope& operator=(const HoldScope&) = delete;
  ~HoldScope() ELEGY_RELEASE();

 private:
  HeapState& state_;
};

// The mutator's side: answers the request that is pending, if any. A safepoint.
void AnswerIfAsked(MutatorImpl& mutator);

// This termination round is not empty.
void SetRoundDirty(HeapState& state);

// Entering and leaving the blocked state; `top` as for PublishStack: where that is a function's
// frame address, it must not be inlined into a function whose frame is larger than what is copied.
// They do not nest.
void EnterBlocked(MutatorImpl& mutator, const void* top) noexcept;
void LeaveBlocked(MutatorImpl& mutator);

// While nothing collects: keeps all mutators but `except`, which may be null, from leaving their
// BlockingRegions, until LetGo. False, and none is kept, if one of them is not in one: also if it
// is blocked within the library, where it may hold locks, or be about to take one.
bool KeepBlocked(HeapState& state, const MutatorImpl* except) ELEGY_REQUIRES(state.mutators_mutex);
void LetGo(HeapState& state) ELEGY_REQUIRES(state.mutators_mutex);

// Sets the state of a mutator that is about to attach.
void AdoptNewestState(HeapState& state, MutatorImpl& mutator) ELEGY_REQUIRES(state.mutators_mutex);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MUTATOR_HANDSHAKE_H_
