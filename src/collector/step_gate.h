// Where a test may stop the cycle.

#ifndef ELEGY_SRC_COLLECTOR_STEP_GATE_H_
#define ELEGY_SRC_COLLECTOR_STEP_GATE_H_

#include "elegy/internal/mutex.h"
#include "elegy/testing.h"

namespace elegy::internal {

// The collector passes it after each named step; a CycleStepper closes and opens it. Open unless a
// stepper says otherwise. Thread-safe.
class StepGate {
 public:
  // The collector: has reached the step; returns when it may go on.
  void Pass(testing::CycleStep step) {
    MutexLock lock(mutex_);
    reached_ = static_cast<int>(step);
    changed_.NotifyAll();
    while (closed_ && allowed_ <= reached_) changed_.Wait(mutex_);
  }
  // The collector: a cycle begins, or has ended.
  void Reset() {
    MutexLock lock(mutex_);
    reached_ = -1;
    changed_.NotifyAll();
  }

  // The next cycle, or the one that runs, is to stop after that step.
  void CloseAfter(testing::CycleStep step) {
    MutexLock lock(mutex_);
    closed_ = true;
    allowed_ = static_cast<int>(step);
    changed_.NotifyAll();
  }
  void Open() {
    MutexLock lock(mutex_);
    closed_ = false;
    changed_.NotifyAll();
  }
  void AwaitReached(testing::CycleStep step) {
    MutexLock lock(mutex_);
    while (reached_ < static_cast<int>(step)) changed_.Wait(mutex_);
  }
  bool HasReached(testing::CycleStep step) {
    MutexLock lock(mutex_);
    return reached_ >= static_cast<int>(step);
  }

 private:
  Mutex mutex_;
  Condition changed_;
  bool closed_ ELEGY_GUARDED_BY(mutex_) = false;
  int allowed_ ELEGY_GUARDED_BY(mutex_) = 0;
  int reached_ ELEGY_GUARDED_BY(mutex_) = -1;
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_COLLECTOR_STEP_GATE_H_
