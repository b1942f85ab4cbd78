// fork(): a child that execs needs nothing; one that goes on with its copy of the heap is announced
// by PrepareFork, and both processes call AfterFork.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/actor.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

struct Node {
  std::int64_t value = 0;
  Member<Node> next;
  std::array<std::int64_t, 6> padding = {};
};

// Runs body in a forked child, which exits with 0 unless an expectation has failed there.
template <class F>
pid_t Fork(F&& body) {
  const pid_t child = fork();
  if (child != 0) return child;
  body();
  _exit(::testing::Test::HasFailure() ? 1 : 0);
}

void ExpectSuccess(pid_t child) {
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

class PrepareForkTest : public HeapTest {
 protected:
  // Collections beside allocation, by their budget, however late the collector's thread gets a
  // core, and by call.
  void ExpectCollects() {
    const std::uint64_t cycles = heap().Stats().cycles;
    WeakPersistent<Node> weak;
    NoInline([&] { weak = Make<Node>(1); });
    const Persistent<Node> kept = Make<Node>(2);
    do {
      for (int i = 0; i < 500'000; i++) Make<Node>(i, kept.get());
    } while (heap().Stats().cycles == cycles);
    CollectPrecisely();
    EXPECT_EQ(weak.Get(), nullptr);
    EXPECT_EQ(kept->value, 2);
    EXPECT_GT(heap().Stats().cycles, cycles + 1);
  }
};

// Beside a mutator that does nothing but what makes it wait. While it is between two waits it is
// not inside a BlockingRegion: refused, too.
class PrepareForkBesideAWaiterTest : public PrepareForkTest {
 protected:
  void ExpectRefused(void (*wait)(Heap&)) {
    std::atomic<int> waits{0};
    std::atomic<bool> done{false};
    std::thread waiter([&] {
      const Mutator guest(heap());
      while (!done) {
        waits++;
        wait(heap());
      }
    });
    while (waits < 2) mutator().Safepoint();
    for (int i = 0; i < 20; i++) {
      const absl::Status status = heap().PrepareFork();
      EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
      if (status.ok()) heap().AfterFork();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    done = true;
    {
      const BlockingRegion region(mutator());
      waiter.join();
    }
    ASSERT_TRUE(heap().PrepareFork().ok());
    heap().AfterFork();
    CollectPrecisely();
  }
};

TEST_F(PrepareForkTest, SaysThatAThreadWaitsForACycle) {
  std::atomic<bool> done{false};
  std::thread waiter([&] {
    while (!done) heap().Collect();
  });
  absl::Status status = heap().PrepareFork();
  for (; status.ok(); status = heap().PrepareFork()) heap().AfterFork();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_NE(status.message().find("waits for a cycle"), std::string::npos) << status;
  done = true;
  const BlockingRegion region(mutator());
  waiter.join();
}

TEST_F(PrepareForkBesideAWaiterTest, ForACollection) {
  ExpectRefused([](Heap& heap) { heap.Collect(); });
}

TEST_F(PrepareForkBesideAWaiterTest, ForRoom) {
  const Persistent<Array<char>> most = MakeArray<char>(std::size_t{600} << 20);
  ExpectRefused([](Heap&) {
    EXPECT_THROW(MakeArray<char>(std::size_t{500} << 20), std::bad_alloc);  // of 1 GiB in all
  });
}

TEST_F(PrepareForkBesideAWaiterTest, ForNativeMemory) {
  ExpectRefused([](Heap& heap) {
    heap.AdjustExternalBytes(std::ptrdiff_t{1} << 40);
    Mutator::Current().Safepoint();
  });
}

// Both are inside a BlockingRegion once the second waits, which nobody can see: refused before,
// too.
TEST_F(PrepareForkTest, WhoWaitsForACachesObjectCannotBeCopied) {
  using Cache = WeakCache<int, Node>;
  const Persistent<Cache> cache(Make<Cache>());
  std::atomic<bool> making{false};
  std::atomic<bool> may_make{false};
  std::thread maker([&] {
    Mutator mutator(heap());
    cache->GetOrMake(1, [&](int) -> Node* {
      const BlockingRegion region(mutator);
      making = true;
      while (!may_make) std::this_thread::yield();
      return nullptr;
    });
  });
  while (!making) mutator().Safepoint();
  std::atomic<bool> asking{false};
  std::thread waiter([&] {
    Mutator mutator(heap());
    asking = true;
    cache->GetOrMake(1, [](int) { return Make<Node>(); });
  });
  while (!asking) mutator().Safepoint();
  for (int i = 0; i < 100; i++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const absl::Status status = heap().PrepareFork();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    if (status.ok()) heap().AfterFork();
  }
  may_make = true;
  {
    const BlockingRegion region(mutator());
    maker.join();
    waiter.join();
  }
  ASSERT_TRUE(heap().PrepareFork().ok());
  heap().AfterFork();
}

// Children that go on.
class HeapForkTest : public PrepareForkTest {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "ThreadSanitizer lets no child of a program with threads start threads";
#endif
  }
};

// A thread that stays inside a BlockingRegion until it is told to leave.
class Blocked {
 public:
  explicit Blocked(Heap& heap) : actor_(std::make_unique<Actor>(heap)) {}
  ~Blocked() { leave_ = true; }

  // With an object that its stack alone keeps.
  void Begin(WeakPersistent<Node>& weak) {
    actor_->Start([&] {
      Node* const mine = Make<Node>(3);
      weak = mine;
      const BlockingRegion region(Mutator::Current());
      entered_ = true;
      while (!leave_) std::this_thread::yield();
      KeepAlive(mine);
    });
    while (!entered_) std::this_thread::yield();
  }
  void Leave() { leave_ = true; }
  void AwaitLeft() { actor_->Await(); }

 private:
  std::atomic<bool> entered_{false}, leave_{false};
  std::unique_ptr<Actor> actor_;
};

TEST_F(PrepareForkTest, AChildMayExec) {
  Actor busy(heap());
  busy.Start([] {
    for (int i = 0; i < 300'000; i++) Make<Node>();
  });
  for (int i = 0; i < 5; i++) {
    ExpectSuccess(Fork([] { execl("/bin/true", "true", nullptr); }));
    heap().RequestCollection();
  }
  ExpectCollects();
}

TEST_F(HeapForkTest, ParentAndChildGoOnEachForItself) {
  Blocked other(heap());
  WeakPersistent<Node> others;
  other.Begin(others);
  std::vector<int> delivered;
  using Registry = FinalizationRegistry<int>;
  const Persistent<Registry> registry =
      Make<Registry>([&](int held) { delivered.push_back(held); });
  const Persistent<Node> shared = Make<Node>(4, Make<Node>(5));
  const Persistent<WeakRef<Node>> weak = NoInline([&] {
    EXPECT_TRUE(registry->Register(shared->next, 6).ok());
    return Persistent(Make<WeakRef<Node>>(shared->next.get()));
  });
  ASSERT_TRUE(heap().PrepareFork().ok());
  const pid_t child = Fork([&] {
    heap().AfterFork();
    ExpectCollects();
    EXPECT_EQ(others.Get(), nullptr);
    EXPECT_FALSE(weak->IsCleared());
    EXPECT_EQ(shared->next->value, 5);
    shared->next = nullptr;
    CollectPrecisely();
    EXPECT_TRUE(weak->IsCleared());
    mutator().Safepoint();
    EXPECT_EQ(delivered, std::vector<int>{6});
    Detach();
    std::thread([this] {
      const Mutator guest(heap());
      Make<Node>(7);
      heap().Collect();
    }).join();
  });
  heap().AfterFork();
  ExpectSuccess(child);
  ExpectCollects();
  EXPECT_NE(others.Get(), nullptr);
  EXPECT_EQ(shared->next->value, 5);
  EXPECT_FALSE(weak->IsCleared());
  mutator().Safepoint();
  EXPECT_TRUE(delivered.empty());
}

TEST_F(HeapForkTest, AChildMayForkAgain) {
  const Persistent<Node> kept = Make<Node>(8);
  ASSERT_TRUE(heap().PrepareFork().ok());
  const pid_t child = Fork([&] {
    heap().AfterFork();
    ASSERT_TRUE(heap().PrepareFork().ok());
    const pid_t grandchild = Fork([&] {
      heap().AfterFork();
      ExpectCollects();
      EXPECT_EQ(kept->value, 8);
    });
    heap().AfterFork();
    ExpectSuccess(grandchild);
    ExpectCollects();
  });
  heap().AfterFork();
  ExpectSuccess(child);
  ExpectCollects();
}

TEST_F(HeapForkTest, AThreadThatIsNotAttachedMayFork) {
  Detach();
  Blocked other(heap());
  WeakPersistent<Node> others;
  other.Begin(others);
  const auto collect = [this] {
    heap().Collect();
    return heap().Stats().live_bytes;
  };
  ASSERT_TRUE(heap().PrepareFork().ok());
  const pid_t child = Fork([&] {
    heap().AfterFork();
    EXPECT_EQ(collect(), 0u);
  });
  heap().AfterFork();
  ExpectSuccess(child);
  EXPECT_EQ(collect(), sizeof(Node));
}

// Half built when its thread vanishes: not an object, which would be destroyed.
class SlowlyBuilt {
 public:
  explicit SlowlyBuilt(std::atomic<bool>& entered, const std::atomic<bool>& leave) {
    const BlockingRegion region(Mutator::Current());
    entered = true;
    while (!leave) std::this_thread::yield();
  }
  ~SlowlyBuilt() { destroyed++; }
  void Trace(Visitor&) const {}

  static std::atomic<int> destroyed;
};
std::atomic<int> SlowlyBuilt::destroyed{0};

TEST_F(HeapForkTest, WhatAVanishedThreadWasConstructingIsNoObject) {
  SlowlyBuilt::destroyed = 0;
  std::atomic<bool> entered{false}, leave{false};
  Actor other(heap());
  other.Start([&] { Make<SlowlyBuilt>(entered, leave); });
  while (!entered) std::this_thread::yield();
  ASSERT_TRUE(heap().PrepareFork().ok());
  const pid_t child = Fork([&] {
    heap().AfterFork();
    EXPECT_FALSE(internal::SlotsAreRecorded());  // those of its first objects
    ExpectCollects();
    EXPECT_EQ(SlowlyBuilt::destroyed, 0);
  });
  heap().AfterFork();
  leave = true;
  ExpectSuccess(child);
  other.Await();
  ExpectCollects();
  CollectPrecisely();
  EXPECT_EQ(SlowlyBuilt::destroyed, 1);
}

// The thread that forks is a mutator of one heap; those of the other vanish, too.
TEST_F(HeapForkTest, TwoHeapsAreForkedTogether) {
  SlowlyBuilt::destroyed = 0;
  Heap second(TestOptions());
  WeakPersistent<Node> of_first, of_second;
  Blocked in_first(heap());
  Blocked in_second(second);
  in_first.Begin(of_first);
  in_second.Begin(of_second);
  std::atomic<bool> entered{false}, leave{false};
  Actor building(second);
  building.Start([&] { Make<SlowlyBuilt>(entered, leave); });
  while (!entered) std::this_thread::yield();
  second.RequestCollection();
  ASSERT_TRUE(heap().PrepareFork().ok());
  ASSERT_TRUE(second.PrepareFork().ok());
  const pid_t child = Fork([&] {
    heap().AfterFork();
    ExpectCollects();
    second.AfterFork();
    ExpectCollects();
    EXPECT_EQ(of_first.Get(), nullptr);
    Detach();
    const Mutator guest(second);
    second.Collect(StackState::kNoPointers);
    EXPECT_EQ(of_second.Get(), nullptr);
    EXPECT_EQ(SlowlyBuilt::destroyed, 0);
    for (int i = 0; i < 100'000; i++) Make<Node>(i);
  });
  second.AfterFork();
  heap().AfterFork();
  leave = true;
  ExpectSuccess(child);
  building.Await();
  second.Collect();
  EXPECT_EQ(SlowlyBuilt::destroyed, 1);
  EXPECT_NE(of_first.Get(), nullptr);
  ExpectCollects();
}

// One callback inside the other: the child has seen the end of neither.
TEST_F(HeapForkTest, CallbacksOfAVanishedThreadAreOver) {
  using Registry = FinalizationRegistry<int>;
  constexpr std::size_t kBytes = std::size_t{1} << 20;
  std::atomic<bool> entered{false}, leave{false};
  WeakPersistent<Registry> outer, inner;
  std::optional<Registration> registration;
  Actor other(heap());
  other.Start([&] {
    const auto held = std::make_shared<Registration>();
    const Persistent<Registry> innermost = Make<Registry>([&entered, &leave](int) {
      const BlockingRegion region(Mutator::Current());
      entered = true;
      while (!leave) std::this_thread::yield();
    });
    const Persistent<Registry> outermost = Make<Registry>([held](int) { held->RunNow(); });
    inner = innermost.get();
    outer = outermost.get();
    *held = *innermost->Track(Make<Node>(), 1, {.external_bytes = kBytes});
    registration = *outermost->Track(Make<Node>(), 2, {.external_bytes = kBytes});
  });
  other.Await();
  other.Start([&] { registration->RunNow(); });
  while (!entered) mutator().Safepoint();
  ASSERT_TRUE(heap().PrepareFork().ok());
  const pid_t child = Fork([&] {
    heap().AfterFork();
    const HeapStats stats = heap().Stats();
    EXPECT_EQ(stats.external_bytes, 0u);
    EXPECT_EQ(stats.records_delivered, 2u);
    CollectPrecisely();
    EXPECT_EQ(inner.Get(), nullptr);
    EXPECT_EQ(outer.Get(), nullptr);
    ExpectCollects();
  });
  heap().AfterFork();
  CollectPrecisely();
  EXPECT_NE(inner.Get(), nullptr);
  EXPECT_NE(outer.Get(), nullptr);
  EXPECT_EQ(heap().Stats().external_bytes, 2 * kBytes);
  leave = true;
  ExpectSuccess(child);
  other.Await();
  EXPECT_EQ(heap().Stats().external_bytes, 0u);
  EXPECT_EQ(heap().Stats().records_delivered, 2u);
}

// A registry whose callbacks one thread runs at a time is not that thread's for ever.
TEST_F(HeapForkTest, WhatAVanishedThreadHadStillToRunIsTheChilds) {
  std::atomic<int> ran{0};
  std::atomic<bool> is_inside{false}, leave{false};
  Persistent<FinalizationRegistry<int>> registry;
  Actor other(heap());
  other.Do([&] {
    registry = Make<FinalizationRegistry<int>>([&](int) {
      if (ran++ > 0) return;
      const BlockingRegion region(Mutator::Current());
      is_inside = true;
      while (!leave) std::this_thread::yield();
    });
  });
  NoInline([&] {
    for (int i = 0; i < 3; i++) ASSERT_TRUE(registry->Register(Make<Node>(), i).ok());
  });
  CollectPrecisely();
  while (!is_inside) mutator().Safepoint();
  ASSERT_TRUE(heap().PrepareFork().ok());
  const pid_t child = Fork([&] {
    heap().AfterFork();
    mutator().Safepoint();
    EXPECT_EQ(ran, 3);
  });
  heap().AfterFork();
  EXPECT_EQ(ran, 1);
  leave = true;
  ExpectSuccess(child);
  while (ran < 3) mutator().Safepoint();
}

// A thread that ran callbacks by CleanupSome had no turn: when it vanishes, the turn of who forks,
// inside a callback of the same registry, goes on, and no other thread of the child runs one beside
// it.
TEST_F(HeapForkTest, AVanishedThreadEndsNobodyElsesTurn) {
  std::atomic<int> ran{0};
  std::atomic<bool> is_inside{false}, leave{false};
  std::function<void()> in_turn;
  Persistent<FinalizationRegistry<int>> registry;
  std::thread([&] {
    const Mutator guest(heap());
    registry = Make<FinalizationRegistry<int>>([&](int) {
      if (ran++ > 0) {
        if (const auto f = std::exchange(in_turn, nullptr)) f();
        return;
      }
      const BlockingRegion region(Mutator::Current());
      is_inside = true;
      while (!leave) std::this_thread::yield();
    });
  }).join();
  Actor other(heap());
  other.Block();
  NoInline([&] {
    for (int i = 0; i < 5; i++) ASSERT_TRUE(registry->Register(Make<Node>(), i).ok());
  });
  CollectPrecisely();
  other.Start([&] { EXPECT_EQ(registry->CleanupSome(1), 1u); });
  while (!is_inside) std::this_thread::yield();
  pid_t child = 0;
  in_turn = [&] {
    ASSERT_TRUE(heap().PrepareFork().ok());
    child = Fork([&] {
      heap().AfterFork();
      const BlockingRegion region(mutator());
      std::thread([&] {
        Mutator guest(heap());
        EXPECT_EQ(guest.DrainFinalization(), 0u);
      }).join();
    });
    heap().AfterFork();
  };
  mutator().Safepoint();
  EXPECT_EQ(ran, 5);
  leave = true;
  ExpectSuccess(child);
}

// In the child the heap is not shut down: who was about to is gone.
TEST_F(HeapForkTest, AVanishedThreadsShutdownIsOver) {
  std::vector<int> calls;
  std::atomic<bool> is_inside{false}, leave{false};
  Actor other(heap());
  const Persistent registry = Make<FinalizationRegistry<int>>([&](int held) {
    calls.push_back(held);
    if (held != 1) return;
    const BlockingRegion region(Mutator::Current());
    is_inside = true;
    while (!leave) std::this_thread::yield();
  });
  const Persistent living = Make<Node>(1);
  ASSERT_TRUE(registry->Register(living, 1).ok());
  other.Start([this] { EXPECT_EQ(heap().Shutdown(ShutdownPolicy::kDeliverAll), 1u); });
  while (!is_inside) mutator().Safepoint();
  ASSERT_TRUE(heap().PrepareFork().ok());
  const pid_t child = Fork([&] {
    heap().AfterFork();
    NoInline([&] { ASSERT_TRUE(registry->Register(Make<Node>(), 2).ok()); });
    CollectPrecisely();
    mutator().Safepoint();
    EXPECT_EQ(calls, (std::vector<int>{1, 2}));
  });
  heap().AfterFork();
  leave = true;
  ExpectSuccess(child);
  while (registry->Register(living, 3).ok()) mutator().Safepoint();
  EXPECT_EQ(calls, std::vector<int>{1});
}

TEST_F(HeapForkTest, NobodyWaitsForAVanishedThreadsFactory) {
  using Cache = WeakCache<int, Node>;
  const Persistent<Cache> cache(Make<Cache>());
  std::atomic<bool> making{false}, may_make{false};
  Actor maker(heap());
  maker.Start([&] {
    cache->GetOrMake(1, [&](int) {
      {
        const BlockingRegion region(Mutator::Current());
        making = true;
        while (!may_make) std::this_thread::yield();
      }
      return Make<Node>(1);
    });
  });
  while (!making) std::this_thread::yield();
  ASSERT_TRUE(heap().PrepareFork().ok());
  const pid_t child = Fork([&] {
    heap().AfterFork();
    const Persistent<Node> made = cache->GetOrMake(1, [](int) { return Make<Node>(2); });
    EXPECT_EQ(made->value, 2);
    EXPECT_EQ(cache->Get(1), made);
  });
  heap().AfterFork();
  ExpectSuccess(child);
  may_make = true;
  maker.Await();
}

TEST_F(HeapForkTest, ABlockedThreadStaysSoUntilAfterwards) {
  Blocked other(heap());
  WeakPersistent<Node> others;
  other.Begin(others);
  ASSERT_TRUE(heap().PrepareFork().ok());
  other.Leave();
  const pid_t child = Fork([this] {
    heap().AfterFork();
    ExpectCollects();
  });
  heap().AfterFork();
  other.AwaitLeft();
  ExpectSuccess(child);
  ExpectCollects();
}

TEST_F(PrepareForkTest, AMutatorThatIsNotBlockedIsAnError) {
  Actor other(heap());
  other.StandStill();
  for (int i = 0; i < 3; i++) {
    EXPECT_TRUE(absl::IsFailedPrecondition(heap().PrepareFork()));
  }
  other.Poll();
  ExpectCollects();
}

// Where it would wait for a collector that is not there.
TEST_F(PrepareForkTest, AChildThatWasNotPreparedIsTold) {
  GTEST_FLAG_SET(death_test_style, "fast");  // forks
  EXPECT_DEATH(heap().Collect(), "elegy: .* not prepared .* forked child");
  EXPECT_DEATH(
      {
        Detach();
        heap().~Heap();
      },
      "elegy: .* not prepared .* forked child");
}

TEST_F(PrepareForkTest, ACycleThatRunsIsEndedFirst) {
  for (int i = 0; i < 100; i++) {
    heap().RequestCollection();
    ASSERT_TRUE(heap().PrepareFork().ok());
    heap().AfterFork();
  }
  ExpectCollects();
}

}  // namespace
}  // namespace elegy::test
