// How the collector locks what mutators use.

#ifndef ELEGY_INTERNAL_COLLECTOR_LOCK_H_
#define ELEGY_INTERNAL_COLLECTOR_LOCK_H_

#include "elegy/internal/mutex.h"

namespace elegy::internal {

// Does not sleep at once: a mutex goes to who is there when it becomes free, so that mutators which
// use one object all the time would take it before who has to be woken, for seconds.
class ELEGY_SCOPED_CAPABILITY CollectorLock {
 public:
  explicit CollectorLock(Mutex& mutex) ELEGY_ACQUIRE(mutex) : mutex_(mutex) {
    constexpr int kTries = 200;
    for (int i = 0; i < kTries; i++) {
      if (mutex_.try_lock()) return;
    }
    waited_ = true;
    mutex_.lock();
  }
  CollectorLock(const CollectorLock&) = delete;
  CollectorLock& operator=(const CollectorLock&) = delete;
  ~CollectorLock() ELEGY_RELEASE() { mutex_.unlock(); }

  bool waited() const { return waited_; }

 private:
  Mutex& mutex_;
  bool waited_ = false;
};

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_COLLECTOR_LOCK_H_
