// A cppgc heap of this process, with the embedder's side of it: the tasks that the collector asks
// the main thread to run.

#ifndef ELEGY_BENCH_PEERS_CPPGC_RUNTIME_H_
#define ELEGY_BENCH_PEERS_CPPGC_RUNTIME_H_

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include <cppgc/default-platform.h>
#include <cppgc/heap.h>
#include <cppgc/testing.h>
#include <v8-initialization.h>

namespace elegy::bench {

// Holds the collector's tasks, its steps of marking and sweeping among them, until they are run.
class CppgcTasks final : public cppgc::TaskRunner {
 public:
  // To be called often: it costs next to nothing while there is no task.
  void RunOne() {
    if (any_.load(std::memory_order_relaxed)) [[unlikely]] {
      RunFirst();
    }
  }

  void PostTask(std::unique_ptr<cppgc::Task> task) override {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    any_.store(true, std::memory_order_relaxed);
  }
  void PostDelayedTask(std::unique_ptr<cppgc::Task> task, double) override {
    PostTask(std::move(task));
  }
  void PostIdleTask(std::unique_ptr<cppgc::IdleTask>) override {}
  bool IdleTasksEnabled() override { return false; }

 private:
  [[gnu::noinline]] void RunFirst() {
    std::unique_ptr<cppgc::Task> task;
    {
      const std::lock_guard lock(mutex_);
      task = std::move(tasks_.front());
      tasks_.pop_front();
      any_.store(!tasks_.empty(), std::memory_order_relaxed);
    }
    task->Run();
  }

  std::mutex mutex_;
  std::deque<std::unique_ptr<cppgc::Task>> tasks_;
  std::atomic<bool> any_ = false;
};

// One for the whole process; never torn down.
class CppgcRuntime {
 public:
  static void Start(std::size_t initial_heap_bytes) {
    const auto platform = std::make_shared<Platform>();
    v8::V8::InitializePlatform(platform->GetV8Platform());
    cppgc::InitializeProcess(platform->GetPageAllocator());
    auto options = cppgc::Heap::HeapOptions::Default();
    options.resource_constraints.initial_heap_size_bytes = initial_heap_bytes;
    heap_ = cppgc::Heap::Create(platform, std::move(options)).release();
    allocation_ = &heap_->GetAllocationHandle();
    tasks_ = platform->tasks.get();
  }

  static cppgc::AllocationHandle& allocation() { return *allocation_; }
  static CppgcTasks& tasks() { return *tasks_; }

  // Without the stack. Ends a cycle that is under way, and what has died since lives on until the
  // next one.
  static void Collect() {
    heap_->ForceGarbageCollectionSlow("bench", "Collect",
                                      cppgc::EmbedderStackState::kNoHeapPointers);
  }

  // The same in steps on this thread, with the platform's threads marking beside it. A heap has no
  // other way to wait for the end of such a cycle than that of its tests.
  static void CollectConcurrently() {
    constexpr auto kNoPointers = cppgc::EmbedderStackState::kNoHeapPointers;
    cppgc::testing::StandaloneTestingHeap heap(heap_->GetHeapHandle());
    heap.StartGarbageCollection();
    while (!heap.PerformMarkingStep(kNoPointers)) {
    }
    heap.FinalizeGarbageCollection(kNoPointers);
  }

 private:
  struct Platform final : cppgc::DefaultPlatform {
    std::shared_ptr<cppgc::TaskRunner> GetForegroundTaskRunner() override { return tasks; }

    std::shared_ptr<CppgcTasks> tasks = std::make_shared<CppgcTasks>();
  };

  static inline cppgc::Heap* heap_ = nullptr;
  static inline cppgc::AllocationHandle* allocation_ = nullptr;
  static inline CppgcTasks* tasks_ = nullptr;
};

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_PEERS_CPPGC_RUNTIME_H_
