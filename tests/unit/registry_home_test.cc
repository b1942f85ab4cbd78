// Which thread runs a callback, and who is told that there is one to run.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <latch>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Node {
  int value = 0;
};

// A thread that is attached to the heap and does what it is told, one thing at a time. In between
// it is blocked.
class Worker {
 public:
  explicit Worker(Heap& heap) : thread_([this, &heap] { Work(heap); }) {}
  ~Worker() { Detach(); }

  // Runs the task on the worker's thread and waits for it, with the caller blocked.
  void Do(Mutator& caller, std::function<void(Mutator&)> task) {
    BlockingRegion region(caller);
    std::unique_lock lock(mutex_);
    task_ = std::move(task);
    changed_.notify_all();
    changed_.wait(lock, [this] { return task_ == nullptr; });
  }
  // Ends the worker's attachment. The caller need not be attached.
  void Detach() {
    if (!thread_.joinable()) return;
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  void Detach(Mutator& caller) {
    BlockingRegion region(caller);
    Detach();
  }
  std::thread::id id() const { return thread_.get_id(); }

 private:
  void Work(Heap& heap) {
    Mutator mutator(heap);
    while (true) {
      std::function<void(Mutator&)> task;
      {
        BlockingRegion region(mutator);
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stop_ || task_ != nullptr; });
        if (stop_) return;
        task = task_;
      }
      task(mutator);
      BlockingRegion region(mutator);
      std::lock_guard lock(mutex_);
      task_ = nullptr;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void(Mutator&)> task_;
  bool stop_ = false;
  std::thread thread_;
};

using Registry = FinalizationRegistry<int>;

class RegistryHomeTest : public HeapTest {
 public:
  // A registry made on the current mutator, which notes what runs, and where.
  Persistent<Registry> NewRegistry(RegistryOptions options = {}) {
    return Persistent(Make<Registry>(
        [this](int held) {
          std::lock_guard lock(mutex);
          calls.push_back(held);
          threads.push_back(std::this_thread::get_id());
        },
        std::move(options)));
  }
  static RegistryOptions Anywhere() {
    RegistryOptions options;
    options.run_on = RegistryOptions::RunOn::kAnyMutator;
    return options;
  }
  static void RegisterDoomed(Registry& registry, int held) {
    NoInline([&] { ASSERT_TRUE(registry.Register(Make<Node>(), held).ok()); });
  }
  void Collect() { heap().Collect(StackState::kNoPointers); }

  std::mutex mutex;
  std::vector<int> calls;
  std::vector<std::thread::id> threads;
};

TEST_F(RegistryHomeTest, OnlyTheHomeMutatorDelivers) {
  Worker home(heap());
  Persistent<Registry> registry;
  home.Do(mutator(), [&](Mutator&) { registry = NewRegistry(); });
  RegisterDoomed(*registry, 1);
  Collect();
  mutator().Safepoint();
  mutator().EndTurn();
  EXPECT_EQ(mutator().DrainFinalization(), 0u);
  EXPECT_THAT(calls, IsEmpty());
  home.Do(mutator(), [](Mutator& its) { its.Safepoint(); });
  EXPECT_THAT(calls, ElementsAre(1));
  EXPECT_THAT(threads, ElementsAre(home.id()));
}

TEST_F(RegistryHomeTest, EachMutatorDeliversItsOwn) {
  Worker worker(heap());
  const auto mine = NewRegistry();
  Persistent<Registry> its;
  worker.Do(mutator(), [&](Mutator&) { its = NewRegistry(); });
  RegisterDoomed(*mine, 1);
  RegisterDoomed(*its, 2);
  Collect();
  mutator().Safepoint();
  EXPECT_THAT(calls, ElementsAre(1));
  worker.Do(mutator(), [](Mutator& other) { other.DrainFinalization(); });
  EXPECT_THAT(calls, ElementsAre(1, 2));
  EXPECT_THAT(threads, ElementsAre(std::this_thread::get_id(), worker.id()));
}

TEST_F(RegistryHomeTest, CleanupSomeWorksOnAnyMutator) {
  Worker worker(heap());
  const auto registry = NewRegistry();
  RegisterDoomed(*registry, 1);
  Collect();
  worker.Do(mutator(), [&](Mutator&) { EXPECT_EQ(registry->CleanupSome(), 1u); });
  EXPECT_THAT(threads, ElementsAre(worker.id()));
  mutator().Safepoint();
  EXPECT_THAT(calls, ElementsAre(1));
}

TEST_F(RegistryHomeTest, AnybodyDeliversOnceTheHomeHasDetached) {
  Persistent<Registry> registry;
  {
    Worker home(heap());
    home.Do(mutator(), [&](Mutator&) { registry = NewRegistry(); });
    home.Detach(mutator());
  }
  RegisterDoomed(*registry, 1);
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_THAT(calls, ElementsAre(1));
}

TEST_F(RegistryHomeTest, WhatWasQueuedForAMutatorThatDetachesIsDeliveredByAnother) {
  Persistent<Registry> registry;
  Worker home(heap());
  home.Do(mutator(), [&](Mutator&) { registry = NewRegistry(); });
  RegisterDoomed(*registry, 1);
  RegisterDoomed(*registry, 2);
  Collect();
  mutator().Safepoint();
  EXPECT_THAT(calls, IsEmpty());
  home.Detach(mutator());
  mutator().Safepoint();
  EXPECT_THAT(calls, SizeIs(2));
}

TEST_F(RegistryHomeTest, WhatNobodyWasThereToDeliverWaitsForTheNextMutator) {
  const auto registry = NewRegistry();
  RegisterDoomed(*registry, 1);
  Collect();
  Detach();
  heap().Collect();
  EXPECT_THAT(calls, IsEmpty());
  Mutator next(heap());
  next.Safepoint();
  EXPECT_THAT(calls, ElementsAre(1));
}

TEST_F(RegistryHomeTest, WhatDiesWithoutAnyMutatorWaitsForTheNextOne) {
  const auto registry = NewRegistry();
  RegisterDoomed(*registry, 1);
  Detach();
  heap().Collect();
  heap().Collect();
  EXPECT_THAT(calls, IsEmpty());
  Mutator next(heap());
  next.Safepoint();
  EXPECT_THAT(calls, ElementsAre(1));
}

TEST_F(RegistryHomeTest, NothingRunsInsideABlockingRegion) {
  const auto registry = NewRegistry();
  RegisterDoomed(*registry, 1);
  mutator().EndTurn();
  {
    BlockingRegion region(mutator());
    std::thread([&] { heap().Collect(); }).join();
    std::thread([&] { heap().Collect(); }).join();
  }
  EXPECT_THAT(calls, IsEmpty());
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_THAT(calls, ElementsAre(1));
}

TEST_F(RegistryHomeTest, RunOnAnyMutatorIsDeliveredByWhoeverComesFirst) {
  Worker worker(heap());
  const auto registry = NewRegistry(Anywhere());
  RegisterDoomed(*registry, 1);
  Collect();
  worker.Do(mutator(), [](Mutator& other) { other.Safepoint(); });
  EXPECT_THAT(threads, ElementsAre(worker.id()));
  mutator().Safepoint();
  RegisterDoomed(*registry, 2);
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_THAT(threads, ElementsAre(worker.id(), std::this_thread::get_id()));
  EXPECT_THAT(calls, ElementsAre(1, 2));
}

TEST_F(RegistryHomeTest, SeveralThreadsDrainOneRegistryWithoutDeliveringTwice) {
  constexpr int kRecords = 20'000;
  constexpr int kThreads = 3;
  std::vector<std::atomic<int>> delivered(kRecords);
  const Persistent<Registry> registry(
      Make<Registry>([&](int held) { delivered[held]++; }, Anywhere()));
  NoInline([&] {
    for (int i = 0; i < kRecords; i++) ASSERT_TRUE(registry->Register(Make<Node>(), i).ok());
  });
  Collect();
  {
    BlockingRegion region(mutator());
    std::latch all(kThreads);
    std::vector<std::thread> draining;
    for (int i = 0; i < kThreads; i++) {
      draining.emplace_back([&] {
        Mutator attached(heap());
        {
          BlockingRegion until_all_are_there(attached);
          all.arrive_and_wait();
        }
        attached.DrainFinalization();
      });
    }
    for (std::thread& thread : draining) thread.join();
  }
  mutator().Safepoint();
  for (int i = 0; i < kRecords; i++) ASSERT_EQ(delivered[i], 1) << i;
  EXPECT_EQ(heap().Stats().records_delivered, static_cast<std::uint64_t>(kRecords));
}

// Plain memory: ThreadSanitizer would tell if the callback were not ordered after the writes.
TEST_F(RegistryHomeTest, WhatWasDoneToATargetBeforeItDiedHappensBeforeItsCallback) {
  struct Account {
    int* total = nullptr;
  };
  int total = 0;
  int seen = 0;
  const Persistent<FinalizationRegistry<int*>> registry(
      Make<FinalizationRegistry<int*>>([&](int* held) { seen = *held; }));
  std::atomic<bool> registered{false};
  std::thread writing([&] {
    Mutator attached(heap());
    auto* const account = Make<Account>(&total);
    EXPECT_TRUE(registry->Register(account, &total).ok());
    registered.store(true, std::memory_order_relaxed);
    for (int i = 0; i < 1000; i++) ++*account->total;
  });
  while (seen == 0) {
    mutator().Safepoint();
    if (!registered.load(std::memory_order_relaxed)) continue;
    heap().Collect(StackState::kNoPointers);
  }
  EXPECT_EQ(seen, 1000);
  BlockingRegion region(mutator());
  writing.join();
}

// ---- on_ready ----

TEST(RegistryOnReadyTest, IsCalledOnceWheneverTheQueueStopsBeingEmpty) {
  std::atomic<int> ready{0};
  std::atomic<int> ready_on_this_thread{0};
  const std::thread::id here = std::this_thread::get_id();
  int calls = 0;
  {
    Heap heap(TestOptions());
    Mutator mutator(heap);
    RegistryOptions options;
    options.on_ready = [&] {
      ready++;
      if (std::this_thread::get_id() == here) ready_on_this_thread++;
    };
    const Persistent<Registry> registry(Make<Registry>([&](int) { calls++; }, std::move(options)));
    const Persistent<Node> token(Make<Node>());
    const auto queue = [&](int count) {
      NoInline([&] {
        for (int i = 0; i < count; i++) {
          ASSERT_TRUE(registry->Register(Make<Node>(), i, token).ok());
        }
      });
      heap.Collect(StackState::kNoPointers);
    };
    heap.Collect(StackState::kNoPointers);
    queue(3);  // one
    queue(3);
    queue(1);
    mutator.DrainFinalization(2);
    queue(1);
    mutator.Safepoint();
    heap.Collect(StackState::kNoPointers);
    queue(1000);  // two
    EXPECT_TRUE(*registry->Unregister(token));
    queue(1);  // three
    mutator.Safepoint();
  }
  // The collector's thread has ended: there is none to come.
  EXPECT_EQ(ready, 3);
  EXPECT_EQ(ready_on_this_thread, 0);
  EXPECT_EQ(calls, 9);
}

TEST(RegistryOnReadyTest, WakesAnEventLoop) {
  Heap heap(TestOptions());
  Mutator mutator(heap);
  std::latch ready(1);
  int calls = 0;
  RegistryOptions options;
  options.on_ready = [&] { ready.count_down(); };
  const Persistent<Registry> registry(Make<Registry>([&](int) { calls++; }, std::move(options)));
  NoInline([&] { ASSERT_TRUE(registry->Register(Make<Node>(), 1).ok()); });
  heap.Collect(StackState::kNoPointers);
  {
    BlockingRegion region(mutator);
    ready.wait();
  }
  EXPECT_EQ(mutator.DrainFinalization(), 1u);
  EXPECT_EQ(calls, 1);
}

// A registry whose home has gone is any mutator's, but one's at a time.
class RegistryOrphanedHomeTest : public RegistryHomeTest {
 public:
  // The home makes a registry and leaves.
  Persistent<Registry> MakeAndLeave(std::function<void(int)> cleanup) {
    Worker home(heap());
    Persistent<Registry> registry;
    home.Do(mutator(), [&](Mutator&) { registry = Make<Registry>(std::move(cleanup)); });
    home.Detach(mutator());
    return registry;
  }
};

TEST_F(RegistryOrphanedHomeTest, OneMutatorAtATimeDelivers) {
  constexpr int kRecords = 20'000;
  std::atomic<int> inside{0};
  std::atomic<int> most_inside{0};
  std::atomic<int> ran{0};
  const auto registry = MakeAndLeave([&](int) {
    const int now = ++inside;
    if (now > most_inside) most_inside = now;
    if (ran % 64 == 0) std::this_thread::yield();
    --inside;
    ran++;
  });
  std::vector<std::thread> others;
  for (int t = 0; t < 3; t++) {
    others.emplace_back([&] {
      Mutator other(heap());
      while (ran < kRecords) {
        other.DrainFinalization(100);
        std::this_thread::yield();
      }
    });
  }
  for (int i = 0; i < kRecords; i++) RegisterDoomed(*registry, i);
  while (ran < kRecords) {
    heap().Collect(StackState::kNoPointers);
    mutator().Safepoint();
  }
  const BlockingRegion region(mutator());
  for (std::thread& thread : others) thread.join();
  EXPECT_EQ(most_inside, 1);
  EXPECT_EQ(ran, kRecords);
}

// Who has looked while another one had its turn is told when that has left something.
TEST_F(RegistryOrphanedHomeTest, WhatATurnLeavesIsTheNextOnes) {
  int ran = 0;
  std::function<void()> meanwhile;
  const auto registry = MakeAndLeave([&](int) {
    if (ran++ == 0) meanwhile();
  });
  for (int i = 0; i < 3; i++) RegisterDoomed(*registry, i);
  Collect();
  Worker other(heap());
  std::size_t ran_beside = 1;
  meanwhile = [&] {
    other.Do(mutator(), [&](Mutator& its) { ran_beside = its.DrainFinalization(); });
  };
  EXPECT_EQ(mutator().DrainFinalization(1), 1u);
  EXPECT_EQ(ran_beside, 0u);
  EXPECT_EQ(ran, 1);
  other.Do(mutator(), [](Mutator& its) { its.Safepoint(); });
  EXPECT_EQ(ran, 3);
}

// A callback that ends its turn goes on with the next one, inside.
TEST_F(RegistryOrphanedHomeTest, ATurnMayNest) {
  std::vector<int> order;
  int depth = 0;
  int deepest = 0;
  const auto registry = MakeAndLeave([&](int held) {
    deepest = std::max(deepest, ++depth);
    Mutator::Current().Safepoint();
    order.push_back(held);
    --depth;
  });
  for (int i = 0; i < 3; i++) RegisterDoomed(*registry, i);
  Collect();
  mutator().Safepoint();
  EXPECT_THAT(order, SizeIs(3));
  EXPECT_EQ(deepest, 3);
}

}  // namespace
}  // namespace elegy::test
