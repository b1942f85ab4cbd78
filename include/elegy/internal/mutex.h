// std::mutex with Clang's thread-safety annotations, so that the lock discipline is compiled.
// Abseil's mutex would do the same but, prebuilt, makes ThreadSanitizer report false races.

#ifndef ELEGY_INTERNAL_MUTEX_H_
#define ELEGY_INTERNAL_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "elegy/internal/thread_annotations.h"

namespace elegy::internal {

class ELEGY_CAPABILITY Mutex {
 public:
  void lock() ELEGY_ACQUIRE() { mutex_.lock(); }
  bool try_lock() ELEGY_TRY_ACQUIRE(true) { return mutex_.try_lock(); }
  void unlock() ELEGY_RELEASE() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
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

// Waits with a Mutex held; may wake early, so callers wait in a loop.
class Condition {
 public:
  void Wait(Mutex& mutex) ELEGY_REQUIRES(mutex) { condition_.wait(mutex); }
  // False once it is that late.
  bool WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point end) ELEGY_REQUIRES(mutex) {
    return condition_.wait_until(mutex, end) == std::cv_status::no_timeout;
  }
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable_any condition_;
};

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_MUTEX_H_
