// Stands in the place of include/elegy/internal/mutex.h in the library that the tests of this
// folder link: the same classes, whose waiting the scheduler knows of.

#ifndef ELEGY_INTERNAL_MUTEX_H_
#define ELEGY_INTERNAL_MUTEX_H_

#include <chrono>

#include "elegy/internal/thread_annotations.h"
#include "tests/interleave/scheduler.h"

namespace elegy::internal {

class ELEGY_CAPABILITY Mutex {
 public:
  void lock() ELEGY_ACQUIRE() { interleave::Lock(held_); }
  bool try_lock() ELEGY_TRY_ACQUIRE(true) { return interleave::TryLock(held_); }
  void unlock() ELEGY_RELEASE() { interleave::Unlock(held_); }

 private:
  friend class Condition;

  bool held_ = false;
};

class ELEGY_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ELEGY_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() ELEGY_RELEASE() { mutex_.unlock(); }

 private:
  Mutex& mutex_;
};

class Condition {
 public:
  void Wait(Mutex& mutex) ELEGY_REQUIRES(mutex) {
    interleave::WaitOn(this, mutex.held_, interleave::kNever);
  }
  // The end is that of the scheduler's clock.
  bool WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point end) ELEGY_REQUIRES(mutex) {
    const auto ns = std::chrono::nanoseconds(end.time_since_epoch()).count();
    return interleave::WaitOn(this, mutex.held_, static_cast<std::uint64_t>(ns));
  }
  void NotifyOne() { interleave::NotifyOne(this); }
  void NotifyAll() { interleave::NotifyAll(this); }
};

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_MUTEX_H_
