// For tests: stopping a collection cycle between two of its steps.

#ifndef ELEGY_TESTING_H_
#define ELEGY_TESTING_H_

#include <cstdint>

#include "elegy/heap.h"

namespace elegy::testing {

// The steps of a cycle, in order.
enum class CycleStep {
  kBarrierOn,      // every mutator has answered handshake 1
  kStacksScanned,  // every mutator has answered handshake 2; nothing has been marked by the marker
  kMarked,         // a termination round has found nothing more to mark
  kFlipped,        // unmarked objects are dead for every weak read; no cell has been cleared yet
  kCellsCleared,   // weak cells and entries of dead targets are gone
  kRecordsQueued,  // records of dead targets are in their registries' queues
  kSwept,          // dead objects have been destroyed and their memory is free
};

// Takes over a heap's cycles: from the first AdvanceTo to FinishCycle a cycle goes no further than
// it has been advanced to. Before and after, cycles run as they come. One stepper for a heap at a
// time, used by one thread, which may be a mutator of the heap: while it waits, the collector
// answers handshakes in its place, and its stack is scanned. Other mutators have to reach
// safepoints by themselves.
class CycleStepper {
 public:
  // Waits for a cycle that is running.
  explicit CycleStepper(Heap& heap);
  CycleStepper(const CycleStepper&) = delete;
  CycleStepper& operator=(const CycleStepper&) = delete;
  // Lets the cycle finish.
  ~CycleStepper();

  // Returns when the cycle has completed that step, and stops it there. Starts a cycle if none
  // runs, or if the one that runs is past the step.
  void AdvanceTo(CycleStep step);

  // Returns when the cycle has ended; without a cycle, at once.
  void FinishCycle();

 private:
  internal::HeapImpl& heap_;
  std::uint64_t cycle_ = 0;  // the one under way; 0: none
};

}  // namespace elegy::testing

#endif  // ELEGY_TESTING_H_
