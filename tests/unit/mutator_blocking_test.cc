// BlockingRegion: the collector answers for a thread that waits, and finds what its stack holds.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/cycle_steps.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

struct Node {
  std::int64_t value = 0;
  Member<Node> next;
};

void Overwrite() {
  for (int i = 0; i < 1000; i++) Make<Node>(-1);
}

class MutatorBlockingTest : public HeapTest {};

TEST_F(MutatorBlockingTest, ACollectionDoesNotWaitForABlockedThread) {
  const BlockingRegion region(mutator());
  std::thread([this] {
    for (int i = 0; i < 10; i++) heap().Collect();  // would wait for ever
  }).join();
  EXPECT_EQ(heap().Stats().cycles, 10u);
}

TEST_F(MutatorBlockingTest, WhatTheBlockedThreadsStackHoldsSurvives) {
  Node* const node = Make<Node>(1, Make<Node>(2));
  Node* const large = &MakeArray<Node>(5000)->begin()[4321];
  large->value = 3;
  for (int i = 0; i < 5; i++) {
    const BlockingRegion region(mutator());
    std::thread([this] {
      const Mutator guest(heap());
      heap().Collect();
      Overwrite();
    }).join();
  }
  EXPECT_EQ(node->value, 1);
  EXPECT_EQ(node->next->value, 2);
  EXPECT_EQ(large->value, 3);
}

// The variable is next to the region: within what was copied when the thread entered it.
TEST_F(MutatorBlockingTest, WhatAnotherThreadLeavesInABlockedThreadsVariableSurvives) {
  const Node* const node = NoInline([this] {
    Node* volatile result = nullptr;
    {
      const BlockingRegion region(mutator());
      std::thread([this, &result] {
        const Mutator guest(heap());
        result = Make<Node>(1, Make<Node>(2));
      }).join();
      heap().Collect();
      std::thread([this] {
        const Mutator guest(heap());
        Overwrite();
      }).join();
    }
    return result;
  });
  EXPECT_EQ(node->value, 1);
  EXPECT_EQ(node->next->value, 2);
}

// Handles are for any thread at any time, also where the collector acts for it.
TEST_F(MutatorBlockingTest, HandlesMayChangeInside) {
  constexpr int kRounds = 20;
  constexpr std::size_t kHandles = 2000;
  std::atomic<bool> stop{false};
  std::thread collecting([&] {
    while (!stop) heap().Collect();
  });
  for (int round = 0; round < kRounds; round++) {
    std::vector<Persistent<Node>> from;
    for (std::size_t i = 0; i < kHandles; i++) {
      from.emplace_back(Make<Node>(static_cast<std::int64_t>(i)));
    }
    std::vector<Persistent<Node>> to;
    for (std::size_t i = 0; i < kHandles; i++) to.emplace_back(Make<Node>(-1));
    std::vector<WeakPersistent<Node>> weak(kHandles);
    {
      const BlockingRegion region(mutator());
      for (std::size_t i = 0; i < kHandles; i++) {
        to[i] = from[i].get();
        weak[i] = from[i].get();
        from[i] = nullptr;
      }
    }
    for (std::size_t i = 0; i < kHandles; i++) {
      ASSERT_EQ(to[i]->value, static_cast<std::int64_t>(i));
      ASSERT_EQ(weak[i].Get(), to[i].get());
    }
  }
  stop = true;
  const BlockingRegion region(mutator());
  collecting.join();
}

// It blocks in one step and leaves in the same or a later one, and goes on as if nothing had been.
TEST_F(MutatorBlockingTest, AThreadMayBlockAndLeaveInAnySteps) {
  for (const CycleStep from : kAllSteps) {
    for (const CycleStep to : kAllSteps) {
      if (to < from) continue;
      SCOPED_TRACE(::testing::Message()
                   << static_cast<int>(from) << " to " << static_cast<int>(to));
      const Persistent<Node> shared = Make<Node>();
      shared->next = Make<Node>(3);
      std::latch started(1), has_blocked(1), may_leave(1), has_worked(1), may_end(1);
      std::thread guest([&] {
        Mutator mutator(heap());
        started.count_down();
        Node* const mine = Make<Node>(1, Make<Node>(2));
        while (!has_blocked.try_wait()) mutator.Safepoint();  // running through the first steps
        {
          const BlockingRegion region(mutator);
          may_leave.wait();
        }
        Node* const taken = shared->next;
        shared->next = mine;
        mine->next->next = Make<Node>(4, taken);
        has_worked.count_down();
        while (!may_end.try_wait()) mutator.Safepoint();
      });
      const auto blocked = [this](auto&& f) {
        const BlockingRegion region(mutator());
        std::forward<decltype(f)>(f)();
      };
      blocked([&] { started.wait(); });
      {
        CycleStepper stepper(heap());
        stepper.AdvanceTo(from);
        has_blocked.count_down();
        if (to > from) stepper.AdvanceTo(to);
        may_leave.count_down();
        blocked([&] { has_worked.wait(); });
        stepper.FinishCycle();
      }
      heap().Collect();
      may_end.count_down();
      blocked([&] { guest.join(); });
      CollectPrecisely();
      Overwrite();
      const Node* const mine = shared->next;
      EXPECT_EQ(mine->value, 1);
      EXPECT_EQ(mine->next->value, 2);
      EXPECT_EQ(mine->next->next->value, 4);
      EXPECT_EQ(mine->next->next->next->value, 3);
    }
  }
}

TEST_F(MutatorBlockingTest, RegionsNest) {
  Node* const node = Make<Node>(5);
  const auto collect = [this] { std::thread([this] { heap().Collect(); }).join(); };
  {
    const BlockingRegion outer(mutator());
    collect();
    {
      const BlockingRegion inner(mutator());
      collect();
      const BlockingRegion innermost(mutator());
      collect();
    }
    collect();  // still blocked
  }
  Overwrite();
  EXPECT_EQ(node->value, 5);
  EXPECT_EQ(heap().Stats().cycles, 4u);
}

TEST_F(MutatorBlockingTest, AnExceptionLeavesTheRegion) {
  Node* const node = Make<Node>(6);
  for (int i = 0; i < 3; i++) {
    try {
      const BlockingRegion region(mutator());
      std::thread([this] { heap().Collect(); }).join();
      throw std::runtime_error("out");
    } catch (const std::runtime_error&) {
    }
    Overwrite();
    mutator().Safepoint();
  }
  EXPECT_EQ(node->value, 6);
}

TEST_F(MutatorBlockingTest, CollectMayBeCalledInside) {
  Node* const node = Make<Node>(7);
  {
    const BlockingRegion region(mutator());
    heap().Collect();
    heap().RequestCollection();
    heap().Collect();
  }
  Overwrite();
  EXPECT_EQ(node->value, 7);
  EXPECT_GE(heap().Stats().cycles, 2u);
}

// In and out of regions while another thread collects and collects.
TEST_F(MutatorBlockingTest, RegionsComeAndGoDuringCycles) {
  std::atomic<bool> stop{false};
  std::thread collector([&] {
    while (!stop) heap().Collect();
  });
  Node* list = nullptr;
  std::int64_t length = 0;
  const std::uint64_t target = heap().Stats().cycles + 50;
  while (heap().Stats().cycles < target) {
    list = Make<Node>(length++, list);
    const BlockingRegion region(mutator());
  }
  stop = true;
  {
    const BlockingRegion region(mutator());
    collector.join();
  }
  for (; list != nullptr; list = list->next) {
    ASSERT_EQ(list->value, --length);
  }
  EXPECT_EQ(length, 0);
}

// Each thread hands an object to the next, which waits for it in a region.
TEST_F(MutatorBlockingTest, ObjectsPassFromThreadToThread) {
  constexpr int kThreads = 6;
  constexpr int kRounds = 200;
  struct Slot {
    Persistent<Node> node;
    std::atomic<int> round{0};
  };
  std::array<Slot, kThreads> slots;
  std::vector<std::thread> threads;
  const auto run = [&](std::size_t me) {
    Mutator mutator(heap());
    Slot& mine = slots[me];
    Slot& next = slots[(me + 1) % kThreads];
    for (int round = 1; round <= kRounds; round++) {
      {
        const BlockingRegion region(mutator);
        for (int seen = mine.round; seen != round; seen = mine.round) mine.round.wait(seen);
      }
      Node* const node = mine.node;
      mine.node = nullptr;
      next.node = Make<Node>(node->value + 1, node->next.get());
      const int next_round = me + 1 == kThreads ? round + 1 : round;
      if (round % 10 == 0) heap().RequestCollection();
      next.round = next_round;
      next.round.notify_all();
    }
  };
  slots[0].node = Make<Node>(0, Make<Node>(99));
  for (std::size_t t = 0; t < kThreads; t++) threads.emplace_back(run, t);
  slots[0].round = 1;
  slots[0].round.notify_all();
  {
    const BlockingRegion region(mutator());
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(slots[0].node->value, kThreads * kRounds);
  EXPECT_EQ(slots[0].node->next->value, 99);
}

}  // namespace
}  // namespace elegy::test
