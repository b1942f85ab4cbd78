#include "src/collector/marker_pool.h"

#include <utility>

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
  t_collecting = &heap_;
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
  const std::uint64_t begin = platform::NowNs();
  const std::uint64_t ran_before = platform::ThreadTimeNs();
  own.Drain(threads_);
  running_ns_ += platform::ThreadTimeNs() - ran_before;
  busy_ns_ += platform::NowNs() - begin - own.TakeIdleNs();
  // The helpers have handed over the weak cells they found.
  MutexLock lock(mutex_);
  while (helping_ > 0) changed_.Wait(mutex_);
}

double MarkerPool::TakeCoreShare() {
  const auto busy = static_cast<double>(std::exchange(busy_ns_, 0));
  const auto running = static_cast<double>(std::exchange(running_ns_, 0));
  return busy > 0 ? running / busy : 1;
}

}  // namespace elegy::internal
