// A registry's queue: batches of records from the collector to whoever runs the callbacks.
//
// One producer (the collector's clearing step) and one consumer at a time: boost's spsc_queue, of
// the Boost.Lockfree queues the one that ThreadSanitizer can follow. Consumers take turns under the
// registry's lock. Its capacity is fixed, and the producer must neither wait nor lose anything: a
// batch that finds the queue full joins `overflow_`, which the consumer empties after the queue.

#ifndef ELEGY_SRC_CONCURRENT_BATCH_QUEUE_H_
#define ELEGY_SRC_CONCURRENT_BATCH_QUEUE_H_

#include <boost/lockfree/spsc_queue.hpp>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "elegy/internal/mutex.h"

namespace elegy::internal {

struct Record;

class BatchQueue {
 public:
  using Batch = std::vector<Record*>;
  static constexpr std::size_t kCapacity = 64;

  BatchQueue() = default;
  BatchQueue(const BatchQueue&) = delete;
  BatchQueue& operator=(const BatchQueue&) = delete;
  ~BatchQueue() {
    queue_.consume_all([](Batch* batch) { delete batch; });
  }

  // The producer.
  void Push(Batch batch) {
    auto owned = std::make_unique<Batch>(std::move(batch));
    if (queue_.push(owned.get())) {
      static_cast<void>(owned.release());  // the queue's now
      return;
    }
    MutexLock lock(mutex_);
    overflow_.push_back(std::move(owned));
  }

  // The consumer whose turn it is: the next record, or null.
  Record* Front() {
    while (current_ == nullptr || next_ == current_->size()) {
      current_ = PopBatch();
      next_ = 0;
      if (current_ == nullptr) return nullptr;
    }
    return (*current_)[next_];
  }
  // Takes out what Front has returned.
  void Pop() { next_++; }

 private:
  std::unique_ptr<Batch> PopBatch() {
    Batch* batch = nullptr;
    if (queue_.pop(batch)) return std::unique_ptr<Batch>(batch);
    MutexLock lock(mutex_);
    if (overflow_.empty()) return nullptr;
    std::unique_ptr<Batch> last = std::move(overflow_.back());
    overflow_.pop_back();
    return last;
  }

  boost::lockfree::spsc_queue<Batch*, boost::lockfree::capacity<kCapacity>> queue_;
  Mutex mutex_;
  std::vector<std::unique_ptr<Batch>> overflow_ ELEGY_GUARDED_BY(mutex_);
  // The consumer's, guarded by its turn.
  std::unique_ptr<Batch> current_;
  std::size_t next_ = 0;
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_CONCURRENT_BATCH_QUEUE_H_
