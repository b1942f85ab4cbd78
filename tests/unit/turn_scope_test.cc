// The end of a turn: TurnScope, EndTurn with and without a stack, callbacks and exceptions.

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;

struct Node {
  int value = 0;
};

class TurnScopeTest : public HeapTest {
 public:
  TurnScopeTest()
      : registry(Make<FinalizationRegistry<int>>([this](int held) {
          calls.push_back(held);
          if (held < 0) throw std::runtime_error("callback " + std::to_string(held));
        })) {}

  static Persistent<WeakRef<Node>> NewRef() {
    return NoInline([] { return Persistent(Make<WeakRef<Node>>(Make<Node>())); });
  }
  bool IsCollected(const Persistent<WeakRef<Node>>& ref) {
    heap().Collect(StackState::kNoPointers);
    return ref->IsCleared();
  }
  // A record that is queued, its callback still to be run.
  void Queue(int held) {
    NoInline([&] { ASSERT_TRUE(registry->Register(Make<Node>(), held).ok()); });
    heap().Collect(StackState::kNoPointers);
  }

  std::vector<int> calls;
  const Persistent<FinalizationRegistry<int>> registry;
};

TEST_F(TurnScopeTest, EndsTheTurnAtTheEndOfTheScope) {
  Persistent<WeakRef<Node>> ref;
  {
    TurnScope turn(mutator());
    ref = NewRef();
    EXPECT_FALSE(IsCollected(ref));
  }
  EXPECT_TRUE(IsCollected(ref));
}

TEST_F(TurnScopeTest, TurnsDoNotNest) {
  Persistent<WeakRef<Node>> before;
  {
    TurnScope outer(mutator());
    before = NewRef();
    { TurnScope inner(mutator()); }
    EXPECT_TRUE(IsCollected(before));
    const auto after = NewRef();
    EXPECT_FALSE(IsCollected(after));
  }
}

TEST_F(TurnScopeTest, EndRunsWhatIsQueued) {
  {
    TurnScope turn(mutator());
    Queue(1);
    EXPECT_TRUE(calls.empty());
  }
  EXPECT_EQ(calls, std::vector{1});
}

TEST_F(TurnScopeTest, EndTurnRunsWhatIsQueued) {
  Queue(1);
  mutator().EndTurn();
  EXPECT_EQ(calls, std::vector{1});
  Queue(2);
  mutator().EndTurn(StackState::kNoPointers);
  EXPECT_EQ(calls, (std::vector{1, 2}));
}

TEST_F(TurnScopeTest, ExceptionOfACallbackLeavesTheScopesEnd) {
  Persistent<WeakRef<Node>> ref;
  const auto turn_with_a_throwing_callback = [&] {
    TurnScope turn(mutator());
    ref = NewRef();
    Queue(-1);
  };
  EXPECT_THROW(turn_with_a_throwing_callback(), std::runtime_error);
  EXPECT_EQ(calls, std::vector{-1});
  // The turn has ended all the same.
  EXPECT_TRUE(IsCollected(ref));
}

TEST_F(TurnScopeTest, ExceptionOfACallbackLeavesEndTurn) {
  const auto ref = NewRef();
  Queue(-2);
  EXPECT_THROW(mutator().EndTurn(), std::runtime_error);
  EXPECT_TRUE(IsCollected(ref));
}

TEST_F(TurnScopeTest, EndsTheTurnButRunsNoCallbackWhileAnExceptionIsInFlight) {
  Persistent<WeakRef<Node>> ref;
  const auto throwing_turn = [&] {
    TurnScope turn(mutator());
    ref = NewRef();
    Queue(-3);
    throw std::logic_error("the turn's own");
  };
  EXPECT_THROW(throwing_turn(), std::logic_error);
  EXPECT_TRUE(calls.empty());
  EXPECT_TRUE(IsCollected(ref));
  EXPECT_THROW(mutator().Safepoint(), std::runtime_error);
  EXPECT_EQ(calls, std::vector{-3});
}

// The scope begins and ends while another exception is being handled: none is in flight through it.
TEST_F(TurnScopeTest, RunsCallbacksInsideACatchBlock) {
  try {
    throw std::logic_error("handled");
  } catch (const std::logic_error&) {
    TurnScope turn(mutator());
    Queue(4);
  }
  EXPECT_EQ(calls, std::vector{4});
}

// A scope in a destructor that runs during unwinding is not left by that exception.
TEST_F(TurnScopeTest, RunsCallbacksInADestructorDuringUnwinding) {
  struct AtExit {
    TurnScopeTest& test;
    ~AtExit() {
      TurnScope turn(test.mutator());
      test.Queue(5);
    }
  };
  const auto unwind = [&] {
    AtExit at_exit{*this};
    throw std::logic_error("unwinding");
  };
  EXPECT_THROW(unwind(), std::logic_error);
  EXPECT_EQ(calls, std::vector{5});
}

TEST_F(TurnScopeTest, MayEndInsideACallback) {
  bool released = false;
  const auto ref = NewRef();
  const Persistent<FinalizationRegistry<int>> ending(Make<FinalizationRegistry<int>>([&](int) {
    mutator().EndTurn();
    heap().Collect(StackState::kNoPointers);
    released = ref->IsCleared();
  }));
  NoInline([&] { ASSERT_TRUE(ending->Register(Make<Node>(), 0).ok()); });
  heap().Collect(StackState::kNoPointers);
  EXPECT_FALSE(ref->IsCleared());
  mutator().Safepoint();
  EXPECT_TRUE(released);
}

TEST_F(TurnScopeTest, WhatACallbackReadsIsKeptForTheTurnAfterTheEnd) {
  const auto ref = NewRef();
  WeakPersistent<Node> weak;
  NoInline([&] { weak = ref->Deref(); });
  const Persistent<FinalizationRegistry<int>> reading(Make<FinalizationRegistry<int>>(
      [&](int) { NoInline([&] { EXPECT_NE(ref->Deref(), nullptr); }); }));
  NoInline([&] { ASSERT_TRUE(reading->Register(Make<Node>(), 0).ok()); });
  heap().Collect(StackState::kNoPointers);
  mutator().EndTurn(StackState::kNoPointers);  // empties the list, then runs the callback
  EXPECT_FALSE(IsCollected(ref));
  mutator().EndTurn(StackState::kNoPointers);
  EXPECT_TRUE(IsCollected(ref));
}

// The stack is scanned where a request is answered; EndTurn says whether there is anything on it.
// The request is answered by the very call: nothing else is a safepoint here.
class TurnStackTest : public HeapTest {
 public:
  // What becomes of an object that only a local variable holds, if this thread's stack is scanned
  // in an EndTurn of that kind.
  bool SurvivesEndTurn(StackState stack) {
    WeakPersistent<Node> weak;
    Node* const local = Make<Node>(1);
    weak = local;
    std::atomic<bool> barrier_on{false};
    std::atomic<bool> finished{false};
    std::latch no_more_safepoints(1);
    std::thread stepping([&] {
      CycleStepper stepper(heap());
      stepper.AdvanceTo(CycleStep::kBarrierOn);
      barrier_on = true;
      no_more_safepoints.wait();
      stepper.AdvanceTo(CycleStep::kStacksScanned);
      stepper.FinishCycle();
      finished = true;
    });
    while (!barrier_on) mutator().Safepoint();
    no_more_safepoints.count_down();
    while (!internal::CurrentMutator().HasRequest()) std::this_thread::yield();
    mutator().EndTurn(stack);
    while (!finished) mutator().Safepoint();
    {
      BlockingRegion region(mutator());
      stepping.join();
    }
    KeepAlive(local);
    return weak.Get() != nullptr;
  }
};

TEST_F(TurnStackTest, WithoutPointersItIsNotScanned) {
  EXPECT_FALSE(SurvivesEndTurn(StackState::kNoPointers));
}

TEST_F(TurnStackTest, OtherwiseItIsScanned) {
  EXPECT_TRUE(SurvivesEndTurn(StackState::kMayHoldPointers));
}

}  // namespace
}  // namespace elegy::test
