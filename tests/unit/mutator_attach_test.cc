// Threads that attach and detach while cycles run: in every step, and by the thousand.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <latch>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

struct Node {
  std::int64_t value = 0;
  Member<Node> next;
};

class MutatorAttachTest : public HeapTest, public ::testing::WithParamInterface<CycleStep> {
 protected:
  // Runs f on a thread of this heap from its attaching to its detaching, and waits for it.
  template <class F>
  void OnGuest(F&& f) {
    const BlockingRegion region(mutator());
    std::thread([&] {
      const Mutator guest(heap());
      std::forward<F>(f)();
    }).join();
  }
};

// It publishes some of what it makes, in a slot and in a root, and leaves the rest.
TEST_P(MutatorAttachTest, WhatABriefThreadPublishesSurvives) {
  const Persistent<Node> shared = Make<Node>();
  Persistent<Node> root;
  std::vector<WeakPersistent<Node>> left;
  {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(GetParam());
    OnGuest([&] {
      for (int i = 0; i < 1000; i++) {
        shared->next = Make<Node>(i, shared->next);
        left.emplace_back(Make<Node>(-1));
        root = Make<Node>(i, root.get());
      }
    });
    stepper.FinishCycle();
  }
  CollectPrecisely();
  for (const Node* list : {shared->next.get(), root.get()}) {
    for (int i = 1000; i-- > 0; list = list->next) {
      ASSERT_EQ(list->value, i);
    }
    EXPECT_EQ(list, nullptr);
  }
  for (const WeakPersistent<Node>& each : left) {
    ASSERT_EQ(each.Get(), nullptr);
  }
  EXPECT_EQ(heap().Stats().live_bytes, 2001 * sizeof(Node));
}

// It takes the only reference to an object out of a slot, and puts it into another.
TEST_P(MutatorAttachTest, WhatABriefThreadMovesSurvives) {
  const Persistent<Node> from = Make<Node>();
  const Persistent<Node> to = Make<Node>();
  Persistent<Node> root;
  NoInline([&] { from->next = Make<Node>(1, Make<Node>(2)); });
  {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(GetParam());
    OnGuest([&] {
      Node* const taken = from->next;
      from->next = nullptr;
      to->next = taken->next;
      taken->next = nullptr;
      Node* const fresh = Make<Node>(3, taken);
      root = fresh;
    });
    stepper.FinishCycle();
  }
  CollectPrecisely();
  for (int i = 0; i < 1000; i++) Make<Node>(-1);
  EXPECT_EQ(to->next->value, 2);
  EXPECT_EQ(root->value, 3);
  EXPECT_EQ(root->next->value, 1);
  EXPECT_EQ(root->next->next, nullptr);
}

// It reads weakly, and hands on what it has read.
TEST_P(MutatorAttachTest, WhatABriefThreadReadsWeaklySurvivesOrIsDead) {
  Persistent<WeakRef<Node>> reference;
  OnGuest([&] { reference = Make<WeakRef<Node>>(Make<Node>(7)); });
  Persistent<Node> root;
  {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(GetParam());
    OnGuest([&] { root = reference->Deref(); });
    stepper.FinishCycle();
  }
  // Dead from the flip on; before it, the reader has brought it back.
  EXPECT_EQ(root == nullptr, GetParam() >= CycleStep::kFlipped);
  CollectPrecisely();
  for (int i = 0; i < 1000; i++) Make<Node>(-1);
  EXPECT_EQ(reference->IsCleared(), root == nullptr);
  EXPECT_TRUE(root == nullptr || root->value == 7);
}

// It attaches in one step and detaches in another, and meanwhile holds an object by its stack
// alone.
TEST_P(MutatorAttachTest, AThreadMayStayIntoAnyLaterStep) {
  for (int to = static_cast<int>(GetParam()); to <= static_cast<int>(CycleStep::kSwept); to++) {
    const Persistent<Node> shared = Make<Node>();
    std::latch has_made(1), may_publish(1);
    CycleStepper stepper(heap());
    stepper.AdvanceTo(GetParam());
    std::thread guest([&] {
      Mutator mutator(heap());
      Node* const mine = Make<Node>(5, Make<Node>(6));
      has_made.count_down();
      {
        const BlockingRegion region(mutator);
        may_publish.wait();
      }
      shared->next = mine;
      shared->next->next = Make<Node>(7, mine->next.get());
    });
    {
      const BlockingRegion region(mutator());
      has_made.wait();
    }
    if (to > static_cast<int>(GetParam())) stepper.AdvanceTo(static_cast<CycleStep>(to));
    {
      const BlockingRegion region(mutator());
      may_publish.count_down();
      guest.join();
    }
    stepper.FinishCycle();
    CollectPrecisely();
    for (int i = 0; i < 1000; i++) Make<Node>(-1);
    EXPECT_EQ(shared->next->value, 5) << "until " << to;
    EXPECT_EQ(shared->next->next->value, 7) << "until " << to;
    EXPECT_EQ(shared->next->next->next->value, 6) << "until " << to;
  }
}

// A weak map's entries and a registry's records, made by a thread that goes at once.
TEST_P(MutatorAttachTest, WeakTablesKeepWhatABriefThreadHasPutInThem) {
  const auto map = Persistent(Make<WeakMap<Node, Member<Node>>>());
  int delivered = 0;
  const auto registry = Persistent(Make<FinalizationRegistry<int>>([&](int n) { delivered += n; }));
  std::vector<Persistent<Node>> keys;
  {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(GetParam());
    OnGuest([&] {
      for (int i = 0; i < 100; i++) {
        Node* const key = Make<Node>(i);
        ASSERT_TRUE(map->Set(key, Make<Node>(100 + i)).ok());
        ASSERT_TRUE(registry->Register(key, 1).ok());
        if (i % 2 == 0) keys.emplace_back(key);
      }
    });
    stepper.FinishCycle();
  }
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_EQ(delivered, 50);
  for (const Persistent<Node>& key : keys) {
    const Node* const found = map->Get(key);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->value, 100 + key->value);
  }
  EXPECT_EQ(heap().Stats().cells_cleared, 50u);
}

// Records that are queued for a thread, or become so, when it goes are not lost.
TEST_P(MutatorAttachTest, RecordsOfARegistryWhoseThreadGoesAreDelivered) {
  std::vector<std::thread::id> delivered_on;
  Persistent<FinalizationRegistry<int>> registry;
  std::latch has_made(1), may_go(1);
  std::thread home([&] {
    Mutator mutator(heap());
    registry = Make<FinalizationRegistry<int>>(
        [&](int) { delivered_on.push_back(std::this_thread::get_id()); });
    const BlockingRegion region(mutator);
    has_made.count_down();
    may_go.wait();
  });
  {
    const BlockingRegion region(mutator());
    has_made.wait();
  }
  OnGuest([&] { EXPECT_TRUE(registry->Register(Make<Node>(), 1).ok()); });
  {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(GetParam());
    const BlockingRegion region(mutator());
    may_go.count_down();
    home.join();
  }
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_EQ(delivered_on, std::vector{std::this_thread::get_id()});
}

INSTANTIATE_TEST_SUITE_P(Steps, MutatorAttachTest,
                         ::testing::Values(CycleStep::kBarrierOn, CycleStep::kStacksScanned,
                                           CycleStep::kMarked, CycleStep::kFlipped,
                                           CycleStep::kCellsCleared, CycleStep::kRecordsQueued,
                                           CycleStep::kSwept));

class MutatorThreadsTest : public HeapTest {};

TEST_F(MutatorThreadsTest, AThreadMayAttachAgainAndAgain) {
  const Persistent<Node> shared = Make<Node>();
  Detach();
  for (int i = 0; i < 2000; i++) {
    const Mutator mutator(heap());
    shared->next = Make<Node>(i, shared->next);
    if (i % 100 == 0) heap().RequestCollection();
  }
  heap().Collect();
  const Node* each = shared->next;
  for (int i = 2000; i-- > 0; each = each->next) {
    ASSERT_EQ(each->value, i);
  }
}

TEST_F(MutatorThreadsTest, AnAttachedThreadMayDoNothing) {
  std::latch attached(1), done(1);
  std::thread idle([&] {
    Mutator mutator(heap());
    const BlockingRegion region(mutator);
    attached.count_down();
    done.wait();
  });
  attached.wait();
  for (int i = 0; i < 5; i++) heap().Collect();
  done.count_down();
  idle.join();
  heap().Collect();
  EXPECT_EQ(heap().Stats().cycles, 6u);
}

// Attached all at once, each with an object that only its stack knows.
TEST_F(MutatorThreadsTest, HundredsOfThreadsAtOnce) {
  constexpr int kThreads = 256;
  constexpr int kCycles = 5;
  Detach();
  std::barrier together(kThreads + 1);
  std::vector<std::thread> threads;
  std::atomic<int> whole{0};
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      Mutator mutator(heap());
      Node* const mine = Make<Node>(t, Make<Node>(-t));
      const auto wait = [&] {
        const BlockingRegion region(mutator);
        together.arrive_and_wait();
      };
      wait();
      for (int i = 0; i < 200; i++) Make<Node>(-1);
      wait();
      whole += mine->value == t && mine->next->value == -t ? 1 : 0;
    });
  }
  together.arrive_and_wait();
  for (int i = 0; i < kCycles; i++) heap().Collect();
  together.arrive_and_wait();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(whole, kThreads);
  heap().Collect();
  EXPECT_EQ(heap().Stats().live_bytes, 0u);
}

// Twenty at a time, ten thousand in all; they leave neither objects nor memory behind.
TEST_F(MutatorThreadsTest, ThousandsOfThreadsComeAndGo) {
  constexpr int kAtOnce = 20;
  constexpr int kEach = 500;
  const Persistent<Node> shared = Make<Node>();
  CollectPrecisely();
  const HeapStats before = heap().Stats();
  Detach();
  std::vector<std::thread> lanes;
  for (int lane = 0; lane < kAtOnce; lane++) {
    lanes.emplace_back([this, &shared] {
      for (int i = 0; i < kEach; i++) {
        std::thread([this, &shared] {
          const Mutator mutator(heap());
          for (int k = 0; k < 5; k++) shared->next = Make<Node>(k, Make<Node>());
          Make<WeakRef<Node>>(shared->next.get())->Deref();
        }).join();
        if (i % 100 == 0) heap().RequestCollection();
      }
    });
  }
  for (std::thread& lane : lanes) lane.join();
  const Mutator mutator(heap());
  EXPECT_EQ(shared->next->value, 4);
  shared->next = nullptr;
  heap().Collect(StackState::kNoPointers);
  EXPECT_EQ(heap().Stats().live_bytes, before.live_bytes);
  EXPECT_EQ(heap().Stats().heap_bytes, before.heap_bytes);
}

// The C library looks the main thread's stack up in a file.
[[noreturn]] void AttachWithoutFiles() {
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_NOFILE, &none);
  Heap heap(TestOptions());
  const Mutator mutator(heap);
  Node* const node = Make<Node>(1, Make<Node>(2));
  heap.Collect();
  for (int i = 0; i < 1000; i++) Make<Node>(-1);
  std::_Exit(node->value == 1 && node->next->value == 2 ? 0 : 1);
}

TEST(MutatorMainThreadDeathTest, AttachesWhereNoFileCanBeOpened) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(AttachWithoutFiles(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace elegy::test
