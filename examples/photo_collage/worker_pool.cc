#include "examples/photo_collage/worker_pool.h"

#include <cstddef>
#include <mutex>
#include <optional>

#include <elegy/elegy.h>

namespace photo_collage {

WorkerPool::WorkerPool(elegy::Heap& heap, elegy::Mutator& owner, int threads) : owner_(owner) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this, &heap] { Work(heap); });
}

WorkerPool::~WorkerPool() {
  elegy::BlockingRegion region(owner_);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::ForEach(std::size_t count, const Body& body) {
  elegy::BlockingRegion region(owner_);
  std::unique_lock<std::mutex> lock(mutex_);
  body_ = &body;
  next_ = 0;
  count_ = count;
  finished_ = 0;
  work_.notify_all();
  done_.wait(lock, [this] { return finished_ == count_; });
}

void WorkerPool::Work(elegy::Heap& heap) {
  elegy::Mutator mutator(heap);
  while (const std::optional<std::size_t> index = NextIndex(mutator)) {
    {
      elegy::TurnScope turn(mutator);
      (*body_)(mutator, *index);  // body_ stays until this call has been counted
    }
    std::lock_guard<std::mutex> lock(mutex_);
    if (++finished_ == count_) done_.notify_one();
  }
}

// A thread that waits in a BlockingRegion costs the collector nothing: its part is done in its
// place. The region is entered before the lock is taken and left after it is released.
std::optional<std::size_t> WorkerPool::NextIndex(elegy::Mutator& mutator) {
  elegy::BlockingRegion region(mutator);
  std::unique_lock<std::mutex> lock(mutex_);
  work_.wait(lock, [this] { return stop_ || next_ < count_; });
  if (next_ < count_) return next_++;
  return std::nullopt;
}

}  // namespace photo_collage
