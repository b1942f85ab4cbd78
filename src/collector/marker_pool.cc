#include "src/collector/marker_pool.h"

#include "src/base/check.h"
#include "src/platform/platform.h"

namespace elegy::internal {

MarkerPool::MarkerPool(HeapState& heap, MarkingState& marking, int threads)
    : heap_(heap), marking_(marking), threads_(threads) {}

MarkerPool::~MarkerPool() { Stop(); }

void MarkerPool::Start() {
  {
    MutexLock lock(mutex_);
    stopped_ = false;
    drain_ = 0;
  }
  try {
    for (int i = 1; i < threads_; i++) helpers_.emplace_back([this] { Help(); });
  } catch (...) {
    Stop();
    throw;
  }
}

void MarkerPool::Stop() {
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    changed_.NotifyAll();
  }
  for (std::thread& helper : helpers_) helper.join();
  helpers_.clear();
}

void MarkerPool::Help() {
  platform::NameThread("elegy-marker");
  std::uint64_t seen = 0;
  while (true) {
    {
      MutexLock lock(mutex_);
      while (!stopped_ && drain_ == seen) changed_.Wait(mutex_);
      if (stopped_) return;
      seen = drain_;
    }
    NeedsMemory([this] {
      Marker marker(heap_, marking_, Marker::Role::kMarkerThread);
      marker.Drain(threads_);
    });
    MutexLock lock(mutex_);
    if (--helping_ == 0) changed_.NotifyAll();
  }
}

void MarkerPool::Drain(Marker& own) {
  {
    MutexLock lock(mutex_);
    drain_++;
    helping_ = threads_ - 1;
    changed_.NotifyAll();
  }
  own.Drain(threads_);
  // The helpers have handed over the weak cells they found.
  MutexLock lock(mutex_);
  while (helping_ > 0) changed_.Wait(mutex_);
}

}  // namespace elegy::internal
