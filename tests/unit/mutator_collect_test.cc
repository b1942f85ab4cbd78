// Asking for collections: from any thread, several at once, from callbacks; and what their return
// promises.

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
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

class MutatorCollectTest : public HeapTest {
 protected:
  static Node* MakeList(int length) {
    Node* list = nullptr;
    for (int i = 0; i < length; i++) list = Make<Node>(i, list);
    return list;
  }
};

// Whoever's request begins the cycle: what a thread has dropped before its call is gone after it.
TEST_F(MutatorCollectTest, SeveralThreadsMayCollectAtOnce) {
  constexpr int kThreads = 6;
  constexpr int kRounds = 60;
  Detach();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([this] {
      Mutator mutator(heap());
      for (int i = 0; i < kRounds; i++) {
        WeakPersistent<Node> dropped = NoInline([] { return WeakPersistent<Node>(MakeList(10)); });
        const Persistent<Node> kept = NoInline([] { return Persistent<Node>(MakeList(10)); });
        heap().Collect(StackState::kNoPointers);
        ASSERT_EQ(dropped.Get(), nullptr);
        ASSERT_EQ(kept->next->value, 8);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(heap().Stats().cycles, static_cast<std::uint64_t>(kThreads * kRounds));
}

TEST_F(MutatorCollectTest, AThreadThatIsNotAttachedMayCollect) {
  Persistent<Node> kept = NoInline([] { return Persistent<Node>(MakeList(100)); });
  WeakPersistent<Node> weak = kept.get();
  Detach();
  for (int i = 0; i < 3; i++) heap().Collect();
  std::thread([this] { heap().Collect(StackState::kNoPointers); }).join();
  EXPECT_EQ(heap().Stats().cycles, 4u);
  EXPECT_EQ(heap().Stats().live_bytes, 100 * sizeof(Node));
  kept = nullptr;
  heap().Collect();
  EXPECT_EQ(heap().Stats().live_bytes, 0u);
}

TEST_F(MutatorCollectTest, AMutatorOfAnotherHeapMayCollect) {
  NoInline([] { MakeList(100); });
  mutator().EndTurn(StackState::kNoPointers);
  Detach();
  Heap other(TestOptions());
  const Mutator mutator(other);
  const Persistent<Node> mine = Make<Node>(3);
  heap().Collect();
  EXPECT_EQ(heap().Stats().live_bytes, 0u);
  EXPECT_EQ(other.Stats().cycles, 0u);
  EXPECT_EQ(mine->value, 3);
}

// With the stack: a local lives. The kept-alive list stays, and no callback runs.
TEST_F(MutatorCollectTest, CollectKeepsTheTurnAndRunsNoCallback) {
  int delivered = 0;
  const auto registry = Persistent(Make<FinalizationRegistry<int>>([&](int) { delivered++; }));
  const Persistent<WeakRef<Node>> reference = NoInline([&] {
    EXPECT_TRUE(registry->Register(Make<Node>(), 1).ok());
    return Persistent(Make<WeakRef<Node>>(Make<Node>(4)));
  });
  heap().Collect(StackState::kNoPointers);
  EXPECT_FALSE(reference->IsCleared());
  EXPECT_EQ(delivered, 0);
  EXPECT_EQ(heap().Stats().records_queued, 1u);
  mutator().Safepoint();
  EXPECT_EQ(delivered, 1);
  EXPECT_FALSE(reference->IsCleared());
  CollectPrecisely();
  EXPECT_TRUE(reference->IsCleared());
}

TEST_F(MutatorCollectTest, ACallbackMayCollect) {
  std::vector<int> delivered;
  Persistent<FinalizationRegistry<int>> registry;
  registry = Make<FinalizationRegistry<int>>([&](int n) {
    delivered.push_back(n);
    const WeakPersistent<Node> weak = NoInline([&] {
      Node* const node = Make<Node>();
      EXPECT_TRUE(n == 5 || registry->Register(node, n + 1).ok());
      return WeakPersistent<Node>(node);
    });
    heap().Collect(StackState::kNoPointers);
    EXPECT_EQ(weak.Get(), nullptr);
  });
  NoInline([&] { EXPECT_TRUE(registry->Register(Make<Node>(), 1).ok()); });
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_EQ(delivered, (std::vector{1, 2, 3, 4, 5}));
  registry = nullptr;
}

// A request returns at once; the cycle needs this thread's answers, which any safepoint gives.
TEST_F(MutatorCollectTest, ARequestIsMetByAndBy) {
  const WeakPersistent<Node> weak = NoInline([] { return WeakPersistent<Node>(Make<Node>()); });
  heap().RequestCollection();
  EXPECT_EQ(heap().Stats().cycles, 0u);
  while (heap().Stats().cycles == 0) mutator().EndTurn(StackState::kNoPointers);
  EXPECT_EQ(weak.Get(), nullptr);
}

TEST_F(MutatorCollectTest, AllocationIsASafepoint) {
  heap().RequestCollection();
  while (heap().Stats().cycles == 0) Make<Node>();
  heap().RequestCollection();
  while (heap().Stats().cycles == 1) MakeArray<char>(20'000);
  heap().RequestCollection();
  while (heap().Stats().cycles == 2) MakeArray<Member<Node>>(10);
}

TEST_F(MutatorCollectTest, SafepointsOfAllKindsAnswer) {
  heap().RequestCollection();
  while (heap().Stats().cycles == 0) mutator().Safepoint();
  heap().RequestCollection();
  while (heap().Stats().cycles == 1) mutator().DrainFinalization();
  heap().RequestCollection();
  while (heap().Stats().cycles == 2) mutator().EndTurn();
  heap().RequestCollection();
  while (heap().Stats().cycles == 3) const TurnScope turn(mutator());
  heap().RequestCollection();
  while (heap().Stats().cycles == 4) const BlockingRegion region(mutator());
}

TEST_F(MutatorCollectTest, ARequestOfAThreadThatIsNotAttachedIsMet) {
  Detach();
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t finished = 0;
  heap().SetObserver([&](const HeapEvent& event) {
    if (event.kind != HeapEvent::Kind::kCycleFinished) return;
    const std::lock_guard lock(mutex);
    finished = event.cycle;
    changed.notify_all();
  });
  for (std::uint64_t i = 1; i <= 20; i++) {
    heap().RequestCollection();
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return finished >= i; });
  }
  heap().SetObserver(nullptr);
}

// Many requests while one cycle runs are one more cycle.
TEST_F(MutatorCollectTest, RequestsAreNotCountedOneByOne) {
  {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(CycleStep::kStacksScanned);
    for (int i = 0; i < 1000; i++) heap().RequestCollection();
    stepper.FinishCycle();
  }
  heap().Collect();
  EXPECT_LE(heap().Stats().cycles, 3u);
}

// A cycle that had begun before the call does not count.
TEST_F(MutatorCollectTest, CollectBeginsACycleOfItsOwn) {
  for (const CycleStep step :
       {CycleStep::kBarrierOn, CycleStep::kStacksScanned, CycleStep::kMarked, CycleStep::kFlipped,
        CycleStep::kCellsCleared, CycleStep::kRecordsQueued, CycleStep::kSwept}) {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    // Alive for the cycle that runs, made and dropped only now.
    const WeakPersistent<Node> weak = NoInline([] { return WeakPersistent<Node>(MakeList(3)); });
    mutator().EndTurn(StackState::kNoPointers);
    heap().Collect(StackState::kNoPointers);
    EXPECT_EQ(weak.Get(), nullptr) << static_cast<int>(step);
  }
}

}  // namespace
}  // namespace elegy::test
