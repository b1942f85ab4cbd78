// The collector of one heap: its thread, and the cycle.

#ifndef ELEGY_SRC_COLLECTOR_HEAP_IMPL_H_
#define ELEGY_SRC_COLLECTOR_HEAP_IMPL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <thread>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "elegy/heap.h"
#include "elegy/testing.h"
#include "src/collector/marker_pool.h"
#include "src/collector/planner.h"
#include "src/collector/step_gate.h"
#include "src/heap/heap_state.h"
#include "src/mark/marker.h"
#include "src/mark/marking_state.h"

namespace elegy::internal {

class PhaseTimes {
 public:
  void Add(std::uint64_t ns) {
    last_.Set(ns);
    max_.Update(ns);
    total_.Add(ns);
  }
  PhaseStats Get() const { return {last_.Get(), max_.Get(), total_.Get()}; }

 private:
  Counter last_, total_;
  AtomicMax max_;
};

// What one cycle found, for its log line and its events.
struct CycleReport {
  std::uint64_t cycle = 0;
  std::uint64_t allocated_before = 0;
  std::uint64_t resurrections = 0;
  int rounds = 0;
  std::uint64_t marking_ns = 0, clearing_ns = 0, sweeping_ns = 0;
  std::size_t cleared = 0;
  std::size_t queued = 0;
  std::uint64_t live_bytes = 0;
  std::uint64_t reusable_bytes = 0;
  std::uint64_t freed_bytes = 0;
  std::uint64_t longest_delay_ns = 0;
};

class HeapImpl {
 public:
  explicit HeapImpl(const HeapOptions& options);
  HeapImpl(const HeapImpl&) = delete;
  HeapImpl& operator=(const HeapImpl&) = delete;
  ~HeapImpl();

  static HeapImpl& Of(Heap& heap) { return *heap.impl_; }

  void Collect(StackState caller);
  // Waits for that cycle, as AwaitOutside.
  void Await(std::uint64_t cycle);
  void SetObserver(absl::AnyInvocable<void(const HeapEvent&)> observer);
  HeapStats Stats();
  std::size_t Shutdown(ShutdownPolicy policy);
  absl::Status PrepareFork();
  void AfterFork();
  // Runs a full cycle, then `task` on the collector's thread before another can begin.
  void RunAfterCycle(const std::function<void()>& task);

  HeapState& state() { return state_; }
  StepGate& gate() { return gate_; }

 private:
  // All or none. Throws std::system_error and std::bad_alloc.
  void StartThreads();
  // Returns once the cycle that runs has ended. Without threads, does nothing.
  void StopThreads();
  // Before a fork, and in the forked child: the mutators whose threads there are not.
  void NoteUnfinished() ELEGY_REQUIRES(state_.mutators_mutex);
  void ForgetOtherMutators();
  // Fatal on a thread that does the collector's work: it would wait for itself.
  void FailIfCollecting();
  // Waits for the collector, on any thread but those. A mutator does so blocked, also one
  // of another heap, whose collector might wait for it. `stack` is that of a mutator of this heap.
  void AwaitOutside(StackState stack, absl::FunctionRef<void()> wait);
  // The calling thread's mutator, of whichever heap, if it has one and is not inside a
  // BlockingRegion.
  static MutatorImpl* UnblockedMutator();

  void Run();
  void RunTask(std::uint64_t cycle);
  void RunCycle(std::uint64_t number);

  // The steps of a cycle, in order.
  void Condemn();
  void TurnBarrierOn();
  void MarkRoots(Marker& marker);
  void MarkCandidates(Marker& marker, std::span<void* const> words);
  void MarkToTheEnd(Marker& marker, CycleReport& report);
  bool TryToFlip(Marker& marker, CycleReport& report);
  void ClearAndQueue(CycleReport& report);
  void TurnBarrierOff();
  void Sweep(CycleReport& report);

  void Notify(HeapEvent::Kind kind, std::uint64_t cycle, std::uint64_t count);
  std::size_t DeliverAllQueued();
  void DropAllRecords();

  HeapState state_;
  MarkingState marking_;
  MarkerPool markers_;
  Planner planner_;
  StepGate gate_;

  // Shutdown(kDeliverAll): the next cycle is to condemn all registered targets.
  std::atomic<bool> condemn_requested_{false};
  absl::flat_hash_set<const void*> condemned_;

  Counter cycles_;
  Counter live_bytes_;
  std::uint64_t allocated_at_flip_ = 0;
  std::uint64_t allocated_at_last_flip_ = 0;
  std::uint64_t allocated_at_start_ = 0;
  std::uint64_t allocated_at_end_ = 0;
  PhaseTimes marking_times_, clearing_times_, sweeping_times_;

  Mutex observer_mutex_;
  absl::AnyInvocable<void(const HeapEvent&)> observer_ ELEGY_GUARDED_BY(observer_mutex_);

  Mutex task_mutex_;
  const std::function<void()>* task_ ELEGY_GUARDED_BY(task_mutex_) = nullptr;
  std::uint64_t task_cycle_ ELEGY_GUARDED_BY(task_mutex_) = 0;

  std::thread collector_;
  int forking_process_ = 0;  // between PrepareFork and AfterFork
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_COLLECTOR_HEAP_IMPL_H_
