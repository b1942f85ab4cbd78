#include "src/collector/heap_impl.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

#include "elegy/internal/registry_core.h"
#include "src/base/check.h"
#include "src/collector/cycle_log.h"
#include "src/heap/directory.h"
#include "src/mutator/mutator_impl.h"
#include "src/mutator/waiting.h"
#include "src/platform/platform.h"
#include "src/sweep/sweeper.h"
#include "src/weak/table_arrays.h"

namespace elegy::internal {

namespace {

constexpr std::size_t kLeastReserve = std::size_t{1} << 30;

// As good as never, and in nanoseconds still a number.
constexpr std::chrono::hours kLongestWarning(24 * 365);

HeapOptions Complete(HeapOptions options) {
  if (options.max_heap_bytes == 0) options.max_heap_bytes = platform::MemoryLimit() / 4 * 3;
  if (options.marker_threads == 0) options.marker_threads = std::max(1, platform::Cores() / 4);
  if (options.marker_threads < 0) {
    throw std::invalid_argument("elegy: HeapOptions::marker_threads is negative");
  }
  if (!(options.growth_factor > 1.0) || std::isinf(options.growth_factor)) {
    throw std::invalid_argument("elegy: HeapOptions::growth_factor must be above 1 and finite");
  }
  if (options.handshake_warning <= std::chrono::milliseconds::zero()) {
    throw std::invalid_argument("elegy: HeapOptions::handshake_warning must be above zero");
  }
  options.handshake_warning =
      std::min<std::chrono::milliseconds>(options.handshake_warning, kLongestWarning);
  return options;
}

// Room for the limit twice over: objects never move, so free blocks may lie scattered where a large
// object needs neighbours.
std::size_t ReserveFor(const HeapOptions& options) {
  if (options.max_heap_bytes > SIZE_MAX / 4) throw std::bad_alloc();
  return std::max(kLeastReserve, options.max_heap_bytes * 2);
}

}  // namespace

HeapImpl::HeapImpl(const HeapOptions& options)
    : state_(Complete(options), ReserveFor(Complete(options))),
      markers_(state_, marking_, state_.options.marker_threads),
      planner_(state_) {
  state_.marking = &marking_;
  state_.logs = LogIsOn();
  EnterInDirectory(state_);
  try {
    StartThreads();
  } catch (...) {
    RemoveFromDirectory(state_);
    throw;
  }
}

HeapImpl::~HeapImpl() {
  {
    MutexLock lock(state_.mutators_mutex);
    if (!state_.mutators.empty()) {
      Fail("a Heap is destroyed while a Mutator is attached to it");
    }
  }
  AwaitOutside(StackState::kMayHoldPointers, [this] { StopThreads(); });
  RemoveFromDirectory(state_);
  state_.failed.FreeAll();
  const HeapState* const outer = std::exchange(t_collecting, &state_);
  DestroyAll(state_);
  t_collecting = outer;
  TableArrays::FreeAll(state_, TableArrays::TakeRetired(state_));
}

void HeapImpl::StartThreads() {
  state_.request.Resume();
  markers_.Start();
  try {
    collector_ = std::thread([this] { Run(); });
  } catch (...) {
    markers_.Stop();
    throw;
  }
}

void HeapImpl::StopThreads() {
  gate_.Open();
  state_.request.Stop();
  if (collector_.joinable()) collector_.join();
  markers_.Stop();
}

MutatorImpl* HeapImpl::UnblockedMutator() {
  MutatorImpl* const mutator = CurrentImplOrNull();
  return mutator != nullptr && mutator->blocking_depth == 0 ? mutator : nullptr;
}

void HeapImpl::FailIfCollecting() {
  if (t_collecting != &state_) return;
  Fail(
      "the collector waits for itself: a destructor, a Trace, an observer or an on_ready calls "
      "Heap::Collect, WriteSnapshot or PrepareFork of its own heap, or ends it");
}

void HeapImpl::AwaitOutside(StackState stack, absl::FunctionRef<void()> wait) {
  FailIfCollecting();
  if (MutatorImpl* const mutator = UnblockedMutator()) {
    const bool is_own = &mutator->state == &state_;
    AwaitBlocked(*mutator, is_own ? stack : StackState::kMayHoldPointers, wait);
  } else {
    wait();
  }
}

void HeapImpl::Collect(StackState caller) {
  gate_.Open();
  AwaitOutside(caller, [this] { state_.request.WaitFor(state_.request.Ask()); });
}

void HeapImpl::RunAfterCycle(const std::function<void()>& task) {
  gate_.Open();
  std::uint64_t cycle;
  while (true) {
    {
      MutexLock lock(task_mutex_);
      cycle = state_.request.Ask();
      if (task_ == nullptr) {
        task_ = &task;
        task_cycle_ = cycle;
        break;
      }
    }
    Await(cycle);  // another thread's task first
  }
  Await(cycle);
}

void HeapImpl::Await(std::uint64_t cycle) {
  AwaitOutside(StackState::kMayHoldPointers, [&] { state_.request.WaitFor(cycle); });
}

void HeapImpl::SetObserver(absl::AnyInvocable<void(const HeapEvent&)> observer) {
  MutexLock lock(observer_mutex_);
  observer_ = std::move(observer);
}

HeapStats HeapImpl::Stats() {
  HeapStats stats;
  stats.cycles = cycles_.Get();
  stats.live_bytes = live_bytes_.Get();
  stats.allocated_bytes = state_.accounting.allocated.Get();
  stats.external_bytes = state_.accounting.External();
  stats.heap_bytes = state_.accounting.Taken();
  stats.cells_cleared = state_.cells_cleared.Get();
  {
    MutexLock lock(state_.registries_mutex);
    stats.records_registered = state_.records.registered.Get();
    stats.records_delivered = state_.records.delivered.Get();
    for (const std::shared_ptr<RegistryCore>& core : state_.registries) {
      stats.records_registered += core->registered();
      stats.records_delivered += core->delivered();
    }
  }
  stats.records_queued = state_.records.queued.Get();
  stats.records_cancelled = state_.records.cancelled.Get();
  stats.records_dropped = state_.records.dropped.Get();
  for (std::size_t i = 0; i < stats.handshakes.size(); i++) {
    const Histogram& delays = state_.handshake_delays[i];
    stats.handshakes[i] = {delays.Count(),        delays.Quantile(0.5),
                           delays.Quantile(0.99), delays.Quantile(0.999),
                           delays.Max(),          state_.handshake_latency_max[i].Get()};
  }
  stats.marking = marking_times_.Get();
  stats.clearing = clearing_times_.Get();
  stats.sweeping = sweeping_times_.Get();
  stats.allocation_stall_max_ns = state_.stall_max.Get();
  return stats;
}

namespace {

std::vector<std::shared_ptr<RegistryCore>> AllRegistries(HeapState& state) {
  MutexLock lock(state.registries_mutex);
  return state.registries;
}

// While one lives, no other thread's safepoint runs callbacks.
class ShutdownScope {
 public:
  explicit ShutdownScope(MutatorImpl& mutator) : mutator_(mutator) {
    mutator_.state.shutdowns.Add(1);
    mutator_.shutdowns++;
  }
  ShutdownScope(const ShutdownScope&) = delete;
  ShutdownScope& operator=(const ShutdownScope&) = delete;
  ~ShutdownScope() {
    mutator_.state.shutdowns.Subtract(1);
    mutator_.shutdowns--;
  }

 private:
  MutatorImpl& mutator_;
};

}  // namespace

std::size_t HeapImpl::DeliverAllQueued() {
  std::size_t ran = 0;
  const auto registries = AllRegistries(state_);
  try {
    for (const auto& core : registries) ran += core->RunAllQueued();
  } catch (...) {
    for (const auto& core : registries) core->AnnounceAgain();
    throw;
  }
  return ran;
}

void HeapImpl::DropAllRecords() {
  {
    MutexLock lock(state_.registries_mutex);
    state_.shut_down = true;
  }
  for (const auto& core : AllRegistries(state_)) core->DropAll();
}

std::size_t HeapImpl::Shutdown(ShutdownPolicy policy) {
  CheckUse(CurrentImpl());
  if (&CurrentImpl().state != &state_) {
    Fail("Heap::Shutdown on a thread that is attached to another heap");
  }
  const ShutdownScope scope(CurrentImpl());
  if (policy == ShutdownPolicy::kDeliverAll) {
    // Release: pairs with the cycle's exchange.
    condemn_requested_.store(true, std::memory_order_release);
    Collect(StackState::kMayHoldPointers);
  }
  std::size_t ran = 0;
  if (policy != ShutdownPolicy::kDrop) ran = DeliverAllQueued();
  DropAllRecords();
  return ran;
}

}  // namespace elegy::internal
