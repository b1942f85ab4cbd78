// The grey objects: segments of addresses, filled privately and handed over whole.
//
// Overview. A Segment belongs to one thread until it is published to the Worklist; from then on to
// whoever takes it. Nothing in a segment is shared before Publish, and Publish happens before the
// Take that returns it (both hold the list's lock). A marker that finds nothing to take sleeps.
//
// Three lists: segments; parts of large arrays; and segments that are for marker threads alone,
// which no mutator takes.
//
// End of marking. A marker that finds none of the three is counted as idle. Who is the last of them
// ends the drain for all (TakeOrFinish): then the lists are empty, and no marker holds a segment,
// for what a marker hands over it hands over before it is idle. Mutators may hold private segments
// still (barrier buffers); those are handed over in a termination round (see
// src/collector/cycle.cc). Whoever has handed one over says so in the next round.
//
// An entry is the address of an object or of its inside, without its low bits (Untagged in
// elegy/visitor.h), or an object's start with kMarkedTag.

#ifndef ELEGY_SRC_CONCURRENT_WORKLIST_H_
#define ELEGY_SRC_CONCURRENT_WORKLIST_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "elegy/internal/mutex.h"
#include "src/base/chaos.h"

namespace elegy::internal {

// Set in an entry whose object has been marked by who pushed it, and only has to be traced.
inline constexpr std::uintptr_t kMarkedTag = 1;

struct Segment {
  static constexpr std::size_t kCapacity = 510;

  bool Full() const { return size == kCapacity; }
  bool Empty() const { return size == 0; }
  bool EndsWith(const void* entry) const { return size > 0 && entries[size - 1] == entry; }
  void Push(void* entry) { entries[size++] = entry; }

  std::size_t size = 0;
  void* entries[kCapacity];
};

// A part of a large array of slots that is still to be traced.
struct ArrayPart {
  void* array;
  std::size_t begin;
};

class Worklist {
 public:
  // Hands a segment over; an empty one is freed instead.
  void Publish(std::unique_ptr<Segment> segment) {
    if (segment == nullptr || segment->Empty()) return;
    ELEGY_CHAOS_POINT("about to publish");
    {
      MutexLock lock(mutex_);
      segments_.push_back(std::move(segment));
      CountLocked();
    }
    wake_.NotifyOne();
  }

  // What is for marker threads alone.
  void PublishDeferred(std::unique_ptr<Segment> segment) {
    {
      MutexLock lock(mutex_);
      deferred_.push_back(std::move(segment));
    }
    wake_.NotifyOne();
  }

  void PublishPart(ArrayPart part) {
    {
      MutexLock lock(mutex_);
      parts_.push_back(part);
      CountLocked();
    }
    wake_.NotifyOne();
  }

  // What a taker got: a segment, or a part of an array, or neither.
  struct Work {
    std::unique_ptr<Segment> segment;
    ArrayPart part = {nullptr, 0};
    explicit operator bool() const { return segment != nullptr || part.array != nullptr; }
  };

  // Whether there was nothing for TryTake a moment ago. Costs a load, where TryTake costs two
  // atomic operations on a line that the markers write.
  bool SeemsEmpty() const {
    // Relaxed: a hint. Who takes what it speaks of takes it under the lock.
    return count_.load(std::memory_order_relaxed) == 0;
  }

  // Nothing also if somebody else is in the list: a mutator does not wait for a marker's thread,
  // which the system may have taken off its core.
  Work TryTake() {
    if (!mutex_.try_lock()) return {};
    Work work = TakeSharedLocked();
    mutex_.unlock();
    return work;
  }

  // The calls of `markers` threads that drain together: returns work, or nothing once all of them
  // are in here with nothing left to take.
  Work TakeOrFinish(int markers) {
    ELEGY_CHAOS_POINT("out of work");
    MutexLock lock(mutex_);
    const std::uint64_t drain = drains_;
    idle_++;
    while (true) {
      if (drains_ != drain) return {};
      if (Work work = TakeLocked()) {
        idle_--;
        return work;
      }
      if (idle_ == markers) {
        idle_ = 0;
        drains_++;
        wake_.NotifyAll();
        return {};
      }
      wake_.Wait(mutex_);
    }
  }

  bool Empty() {
    MutexLock lock(mutex_);
    return segments_.empty() && parts_.empty() && deferred_.empty();
  }

  // Whether some marker of a drain sleeps for want of work.
  bool HasIdleMarkers() {
    MutexLock lock(mutex_);
    return idle_ > 0;
  }

 private:
  Work TakeLocked() ELEGY_REQUIRES(mutex_) {
    Work work = TakeSharedLocked();
    if (!work && !deferred_.empty()) {
      work.segment = std::move(deferred_.back());
      deferred_.pop_back();
    }
    return work;
  }

  Work TakeSharedLocked() ELEGY_REQUIRES(mutex_) {
    Work work;
    if (!segments_.empty()) {
      work.segment = std::move(segments_.back());
      segments_.pop_back();
    } else if (!parts_.empty()) {
      work.part = parts_.back();
      parts_.pop_back();
    }
    CountLocked();
    return work;
  }

  void CountLocked() ELEGY_REQUIRES(mutex_) {
    // Relaxed: as SeemsEmpty.
    count_.store(segments_.size() + parts_.size(), std::memory_order_relaxed);
  }

  Mutex mutex_;
  Condition wake_;
  std::vector<std::unique_ptr<Segment>> segments_ ELEGY_GUARDED_BY(mutex_);
  std::vector<ArrayPart> parts_ ELEGY_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Segment>> deferred_ ELEGY_GUARDED_BY(mutex_);
  std::uint64_t drains_ ELEGY_GUARDED_BY(mutex_) = 0;
  int idle_ ELEGY_GUARDED_BY(mutex_) = 0;
  // Of segments and parts, not of what is deferred; on a line of its own, for mutators read it
  // where they allocate.
  alignas(64) std::atomic<std::size_t> count_{0};
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_CONCURRENT_WORKLIST_H_
