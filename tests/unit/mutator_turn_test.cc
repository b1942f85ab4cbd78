// Turns: what a Deref keeps, how long, and how scopes end, with and without an exception.

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/trouble.h"

namespace elegy::test {
namespace {

struct Node {
  std::int64_t value = 0;
};

class MutatorTurnTest : public HeapTest {
 protected:
  // A cleared-by-nobody reference, whose target this turn keeps.
  Persistent<WeakRef<Node>> MakeReference() {
    return NoInline([] { return Persistent(Make<WeakRef<Node>>(Make<Node>(1))); });
  }
  // Collects without ending the turn.
  bool IsClearedByACycle(const Persistent<WeakRef<Node>>& reference) {
    heap().Collect(StackState::kNoPointers);
    return reference->IsCleared();
  }
  // Makes the registry's callback due.
  void QueueOne(FinalizationRegistry<int>* registry) {
    NoInline([&] { EXPECT_TRUE(registry->Register(Make<Node>(), 1).ok()); });
    heap().Collect(StackState::kNoPointers);
  }

  int delivered_ = 0;
  Persistent<FinalizationRegistry<int>> registry_ =
      Make<FinalizationRegistry<int>>([this](int n) { delivered_ += n; });
};

TEST_F(MutatorTurnTest, AScopesEndEndsTheTurn) {
  Persistent<WeakRef<Node>> reference;
  {
    const TurnScope turn(mutator());
    reference = MakeReference();
    EXPECT_FALSE(IsClearedByACycle(reference));
  }
  EXPECT_TRUE(IsClearedByACycle(reference));
}

TEST_F(MutatorTurnTest, ADerefKeepsForTheRestOfTheTurn) {
  const Persistent<WeakRef<Node>> reference = MakeReference();
  Persistent<Node> root = reference->Deref();
  { const TurnScope turn(mutator()); }
  EXPECT_FALSE(IsClearedByACycle(reference));  // by the root
  {
    const TurnScope turn(mutator());
    NoInline([&] { EXPECT_EQ(reference->Deref(), root); });
    root = nullptr;
    EXPECT_FALSE(IsClearedByACycle(reference));  // by the turn
  }
  EXPECT_TRUE(IsClearedByACycle(reference));
}

TEST_F(MutatorTurnTest, AScopesEndRunsCallbacks) {
  {
    const TurnScope turn(mutator());
    QueueOne(registry_);
    EXPECT_EQ(delivered_, 0);
  }
  EXPECT_EQ(delivered_, 1);
}

TEST_F(MutatorTurnTest, AnExceptionInFlightEndsTheTurnButRunsNoCallback) {
  Persistent<WeakRef<Node>> reference;
  try {
    const TurnScope turn(mutator());
    reference = MakeReference();
    QueueOne(registry_);
    throw Trouble();
  } catch (const Trouble&) {
  }
  EXPECT_EQ(delivered_, 0);
  EXPECT_TRUE(IsClearedByACycle(reference));
  EXPECT_EQ(delivered_, 0);
  mutator().Safepoint();
  EXPECT_EQ(delivered_, 1);
}

// Its own end is an ordinary one.
class TurnInDestructor {
 public:
  explicit TurnInDestructor(const std::function<void()>& body) : body_(body) {}
  ~TurnInDestructor() {
    const TurnScope turn(Mutator::Current());
    body_();
  }

 private:
  const std::function<void()>& body_;
};

TEST_F(MutatorTurnTest, AScopeMadeWhileAnExceptionIsInFlightEndsAsUsual) {
  const std::function<void()> body = [this] { QueueOne(registry_); };
  try {
    const TurnInDestructor unwinds(body);
    throw Trouble();
  } catch (const Trouble&) {
  }
  EXPECT_EQ(delivered_, 1);
}

TEST_F(MutatorTurnTest, AnExceptionThatIsCaughtInsideIsNoMatter) {
  {
    const TurnScope turn(mutator());
    try {
      throw Trouble();
    } catch (const Trouble&) {
    }
    QueueOne(registry_);
  }
  EXPECT_EQ(delivered_, 1);
}

TEST_F(MutatorTurnTest, ACallbacksExceptionLeavesTheScope) {
  const auto throwing = Persistent(Make<FinalizationRegistry<int>>([](int) { throw Trouble(); }));
  const auto run = [&] {
    const TurnScope turn(mutator());
    QueueOne(throwing);
  };
  EXPECT_THROW(run(), Trouble);
  EXPECT_NO_THROW(mutator().Safepoint());  // the record is spent
}

TEST_F(MutatorTurnTest, ScopesDoNotNest) {
  const TurnScope outer(mutator());
  const Persistent<WeakRef<Node>> reference = MakeReference();
  { const TurnScope inner(mutator()); }
  EXPECT_TRUE(IsClearedByACycle(reference));
}

// Turns are each mutator's own.
TEST_F(MutatorTurnTest, AnotherThreadsTurnKeepsByItself) {
  const Persistent<WeakRef<Node>> reference = MakeReference();
  const BlockingRegion region(mutator());
  std::thread([&] {
    Mutator guest(heap());
    for (int i = 0; i < 3; i++) guest.EndTurn();
    heap().Collect();
    EXPECT_FALSE(reference->IsCleared());  // by the blocked thread's turn
  }).join();
}

TEST_F(MutatorTurnTest, ManyDerefsOfATurnKeepEachTarget) {
  std::vector<Persistent<WeakRef<Node>>> references;
  {
    const TurnScope turn(mutator());
    for (int i = 0; i < 5000; i++) references.push_back(MakeReference());
    heap().Collect(StackState::kNoPointers);
    for (int round = 0; round < 3; round++) {
      for (const auto& each : references) {
        ASSERT_TRUE(NoInline([&] { return each->Deref() != nullptr; }));
      }
    }
    heap().Collect(StackState::kNoPointers);
    for (const auto& each : references) {
      ASSERT_FALSE(each->IsCleared());
    }
  }
  heap().Collect(StackState::kNoPointers);
  for (const auto& each : references) {
    ASSERT_TRUE(each->IsCleared());
  }
}

TEST_F(MutatorTurnTest, DetachingEndsTheTurn) {
  const Persistent<WeakRef<Node>> reference = MakeReference();
  Detach();
  heap().Collect();
  const Mutator mutator(heap());
  EXPECT_TRUE(reference->IsCleared());
}

// ---- without conservative stacks ----

struct Pair {
  Member<Node> first, second;
};

class MutatorHandlesTest : public HeapTest {
 protected:
  MutatorHandlesTest() : HeapTest({.initial_heap_bytes = 1 << 20, .conservative_stacks = false}) {}
};

TEST_F(MutatorHandlesTest, HandlesAloneAreRoots) {
  const Persistent<Node> kept = Make<Node>(1);
  const WeakPersistent<Node> weak = Make<Node>(2);
  Node* const local = weak.Get();
  heap().Collect();  // its stack may hold pointers, but they do not count
  EXPECT_EQ(weak.Get(), nullptr);
  EXPECT_EQ(kept->value, 1);
  KeepAlive(local);
}

TEST_F(MutatorHandlesTest, HandlesAndSlotsKeepThroughManyCycles) {
  std::vector<Persistent<Pair>> pairs;
  for (int i = 0; i < 20'000; i++) {
    pairs.emplace_back(Make<Pair>());
    pairs.back()->first = Make<Node>(i);
    pairs.back()->second = Make<Node>(-i);
    if (i % 4 != 0) pairs.pop_back();
    if (i % 5000 == 0) heap().Collect();
  }
  heap().Collect();
  for (std::size_t i = 0; i < pairs.size(); i++) {
    ASSERT_EQ(pairs[i]->first->value, static_cast<std::int64_t>(4 * i));
    ASSERT_EQ(pairs[i]->second->value, -static_cast<std::int64_t>(4 * i));
  }
  EXPECT_LE(heap().Stats().live_bytes, pairs.size() * (sizeof(Pair) + 2 * 16));
}

// What its constructor has stored is kept, also without a stack scan.
class Builder {
 public:
  explicit Builder(Heap& heap) : first_(Make<Node>(1)) {
    heap.Collect();
    second_ = Make<Node>(2);
    heap.Collect();
    for (int i = 0; i < 1000; i++) Make<Node>(-1);
  }
  void Trace(Visitor& visitor) const {
    visitor.Trace(first_);
    visitor.Trace(second_);
  }
  std::int64_t Sum() const { return first_->value * 10 + second_->value; }

 private:
  Member<Node> first_, second_;
};

TEST_F(MutatorHandlesTest, AnObjectUnderConstructionIsARoot) {
  const Persistent<Builder> builder = Make<Builder>(heap());
  heap().Collect();
  EXPECT_EQ(builder->Sum(), 12);
}

TEST_F(MutatorHandlesTest, ATurnsDerefsAreRoots) {
  const Persistent<WeakRef<Node>> reference = Make<WeakRef<Node>>(Make<Node>(3));
  heap().Collect();
  EXPECT_EQ(reference->Deref()->value, 3);
  mutator().EndTurn();
  heap().Collect();
  EXPECT_TRUE(reference->IsCleared());
}

TEST_F(MutatorHandlesTest, BlockedThreadsKeepByTheirHandles) {
  const Persistent<Node> kept = Make<Node>(4);
  const WeakPersistent<Node> weak = Make<Node>(5);
  {
    const BlockingRegion region(mutator());
    std::thread([this] { heap().Collect(); }).join();
  }
  EXPECT_EQ(weak.Get(), nullptr);
  EXPECT_EQ(kept->value, 4);
}

}  // namespace
}  // namespace elegy::test
