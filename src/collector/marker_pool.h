// The marker threads beside the collector's own.

#ifndef ELEGY_SRC_COLLECTOR_MARKER_POOL_H_
#define ELEGY_SRC_COLLECTOR_MARKER_POOL_H_

#include <cstdint>
#include <thread>
#include <vector>

#include "elegy/internal/mutex.h"
#include "src/heap/heap_state.h"
#include "src/mark/marker.h"
#include "src/mark/marking_state.h"

namespace elegy::internal {

class MarkerPool {
 public:
  // `threads` in all, the one that drains included.
  MarkerPool(HeapState& heap, MarkingState& marking, int threads);
  MarkerPool(const MarkerPool&) = delete;
  MarkerPool& operator=(const MarkerPool&) = delete;
  ~MarkerPool();

  // Starts the threads, all or none. Throws std::system_error and std::bad_alloc.
  void Start();
  // Ends them; not while they drain.
  void Stop();

  // Marks, with all threads, until nothing grey is left outside the mutators' buffers; `own` is the
  // calling thread's marker.
  void Drain(Marker& own);

  // How much of the time in which the draining thread had something to mark it ran, since the last
  // call; 1 if it had nothing. Less: its core has been taken by others. For the thread that drains.
  double TakeCoreShare();

 private:
  void Help();

  HeapState& heap_;
  MarkingState& marking_;
  const int threads_;
  std::uint64_t busy_ns_ = 0, running_ns_ = 0;  // for TakeCoreShare

  Mutex mutex_;
  Condition changed_;
  std::uint64_t drain_ ELEGY_GUARDED_BY(mutex_) = 0;
  int helping_ ELEGY_GUARDED_BY(mutex_) = 0;
  bool stopped_ ELEGY_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> helpers_;
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_COLLECTOR_MARKER_POOL_H_
