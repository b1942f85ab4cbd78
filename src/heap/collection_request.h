// How a mutator asks for a collection without calling the collector, and waits for one.

#ifndef ELEGY_SRC_HEAP_COLLECTION_REQUEST_H_
#define ELEGY_SRC_HEAP_COLLECTION_REQUEST_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "elegy/internal/mutex.h"
#include "src/base/check.h"
#include "src/platform/platform.h"

namespace elegy::internal {

// Cycles are numbered from 1. Thread-safe. Who asks for a cycle, waits, or stops the collector in a
// forked child before Resume, where there is no collector, ends the program with a message.
class CollectionRequest {
 public:
  // Asks for a cycle that begins after this call; returns its number.
  std::uint64_t Ask() {
    FailIfForked();
    MutexLock lock(mutex_);
    return AskLocked();
  }

  // Asks for a cycle unless one is running or asked for: what a spent budget does.
  void AskIfIdle() {
    if (busy_.exchange(true, std::memory_order_relaxed)) return;  // only spares the lock
    MutexLock lock(mutex_);
    if (started_ == finished_) AskLocked();
  }

  // The number of the cycle that is running; asks for one if none is.
  std::uint64_t AskUnlessRunning() {
    FailIfForked();
    MutexLock lock(mutex_);
    return started_ == finished_ ? AskLocked() : started_;
  }

  // Returns once that cycle has finished.
  void WaitFor(std::uint64_t cycle) {
    FailIfForked();
    MutexLock lock(mutex_);
    waiting_++;
    while (finished_ < cycle) done_.Wait(mutex_);
    waiting_--;
  }
  // Or after so long.
  void WaitFor(std::uint64_t cycle, std::chrono::milliseconds longest) {
    FailIfForked();
    const auto end = std::chrono::steady_clock::now() + longest;
    MutexLock lock(mutex_);
    waiting_++;
    while (finished_ < cycle && done_.WaitUntil(mutex_, end)) {
    }
    waiting_--;
  }
  // Whether some thread is in a WaitFor.
  bool HasWaiting() {
    MutexLock lock(mutex_);
    return waiting_ > 0;
  }

  // The number of the cycle that is running; 0: none.
  std::uint64_t Running() {
    MutexLock lock(mutex_);
    return started_ == finished_ ? 0 : started_;
  }

  // The newest cycle that has begun; 0: none.
  std::uint64_t Started() {
    MutexLock lock(mutex_);
    return started_;
  }

  // For the collector's thread, until Stop and from Resume on: sleeps until a cycle is wanted and
  // returns its number, or 0 once Stop has been called.
  std::uint64_t AwaitWork() {
    MutexLock lock(mutex_);
    while (!stopped_ && wanted_ <= started_) wake_.Wait(mutex_);
    if (stopped_) return 0;
    busy_.store(true, std::memory_order_relaxed);  // only spares the lock
    return ++started_;
  }
  void Finish() {
    MutexLock lock(mutex_);
    finished_ = started_;
    busy_.store(false, std::memory_order_relaxed);  // only spares the lock
    done_.NotifyAll();
  }
  void Stop() {
    FailIfForked();
    MutexLock lock(mutex_);
    stopped_ = true;
    wake_.NotifyOne();
  }
  void Resume() {
    MutexLock lock(mutex_);
    process_.store(platform::ProcessId(), std::memory_order_relaxed);  // as FailIfForked
    stopped_ = false;
  }

 private:
  // Relaxed: in the process that has set it, it is the same for ever; its child has one thread.
  void FailIfForked() const {
    if (process_.load(std::memory_order_relaxed) == platform::ProcessId()) return;
    Fail(
        "a heap that was not prepared by Heap::PrepareFork collects, waits or ends in a forked "
        "child, which may only exec or _exit");
  }
  std::uint64_t AskLocked() ELEGY_REQUIRES(mutex_) {
    wanted_ = std::max(wanted_, started_ + 1);
    wake_.NotifyOne();
    return started_ + 1;
  }

  Mutex mutex_;
  Condition wake_;
  Condition done_;
  std::uint64_t wanted_ ELEGY_GUARDED_BY(mutex_) = 0;
  std::uint64_t started_ ELEGY_GUARDED_BY(mutex_) = 0;
  std::uint64_t finished_ ELEGY_GUARDED_BY(mutex_) = 0;
  bool stopped_ ELEGY_GUARDED_BY(mutex_) = false;
  int waiting_ ELEGY_GUARDED_BY(mutex_) = 0;
  std::atomic<bool> busy_{false};
  std::atomic<int> process_{0};
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_HEAP_COLLECTION_REQUEST_H_
