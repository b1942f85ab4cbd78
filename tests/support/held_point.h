// Stops a thread at a named point of a protocol (src/base/chaos.h), so that one order of events is
// one short test. Only in builds with ELEGY_CHAOS.

#ifndef ELEGY_TESTS_SUPPORT_HELD_POINT_H_
#define ELEGY_TESTS_SUPPORT_HELD_POINT_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "src/base/chaos.h"

namespace elegy::test {

// The next thread that passes the point waits there to be released. One at a time.
class HeldPoint {
 public:
  explicit HeldPoint(std::uint64_t point) { internal::AtNextPassage(point, &Hold, this); }
  HeldPoint(const HeldPoint&) = delete;
  HeldPoint& operator=(const HeldPoint&) = delete;
  ~HeldPoint() {
    if (internal::AtNextPassage(0, nullptr, nullptr)) return;  // nobody has come
    Release();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return has_left_; });
  }

  void Await() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return has_arrived_; });
  }
  void Release() {
    const std::lock_guard lock(mutex_);
    is_released_ = true;
    changed_.notify_all();
  }

 private:
  static void Hold(void* held_point) { static_cast<HeldPoint*>(held_point)->Hold(); }
  void Hold() {
    std::unique_lock lock(mutex_);
    has_arrived_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return is_released_; });
    has_left_ = true;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool has_arrived_ = false;
  bool is_released_ = false;
  bool has_left_ = false;
};

}  // namespace elegy::test

#endif  // ELEGY_TESTS_SUPPORT_HELD_POINT_H_
