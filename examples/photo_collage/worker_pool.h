// Threads that work on one heap together.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_WORKER_POOL_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_WORKER_POOL_H_

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <elegy/elegy.h>

namespace photo_collage {

// Worker threads, each attached to the heap as a mutator. A piece of work is a turn: when it is
// done the worker lets go of what it kept alive and runs cleanups that are due.
class WorkerPool {
 public:
  using Body = std::function<void(elegy::Mutator&, std::size_t)>;

  // `owner` is the calling thread's mutator, on the same heap.
  WorkerPool(elegy::Heap& heap, elegy::Mutator& owner, int threads);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool();  // on the owner's thread

  // Calls body(worker's mutator, i) for every i below `count`, on the workers; returns when all
  // calls have. On the owner's thread only. `body` must not throw.
  void ForEach(std::size_t count, const Body& body);

 private:
  void Work(elegy::Heap& heap);
  std::optional<std::size_t> NextIndex(elegy::Mutator& mutator);

  elegy::Mutator& owner_;
  std::mutex mutex_;
  std::condition_variable work_;  // there is an index to take, or the pool stops
  std::condition_variable done_;  // all calls have returned
  const Body* body_ = nullptr;    // guarded by mutex_
  std::size_t next_ = 0;          // guarded by mutex_
  std::size_t count_ = 0;         // guarded by mutex_
  std::size_t finished_ = 0;      // guarded by mutex_
  bool stop_ = false;             // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_WORKER_POOL_H_
