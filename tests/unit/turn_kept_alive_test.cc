// The kept-alive list: whose it is, what empties it, and how long it may become.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <fstream>
#include <functional>
#include <latch>
#include <thread>

#include "elegy/elegy.h"
#include "elegy/internal/kept_alive.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;

struct Node {
  int value = 0;
  Member<Node> next;
};

Persistent<WeakRef<Node>> NewRef(int value = 0) {
  return NoInline([&] { return Persistent(Make<WeakRef<Node>>(Make<Node>(value))); });
}

// What this process has in memory.
std::size_t ResidentBytes() {
  constexpr std::size_t kPageBytes = 4096;
  std::ifstream statm("/proc/self/statm");
  std::size_t pages = 0;
  std::size_t resident = 0;
  statm >> pages >> resident;
  return resident * kPageBytes;
}

class TurnKeptAliveTest : public HeapTest {
 public:
  void CollectInTurn() { heap().Collect(StackState::kNoPointers); }
  // Runs a body on an attached thread of its own and waits for it to end.
  void RunAttached(const std::function<void(Mutator&)>& body) {
    BlockingRegion region(mutator());
    std::thread([&] {
      Mutator attached(heap());
      body(attached);
    }).join();
  }
};

TEST_F(TurnKeptAliveTest, SafepointsDrainsAndCollectionsDoNotEndATurn) {
  const auto ref = NewRef();
  mutator().Safepoint();
  mutator().DrainFinalization();
  CollectInTurn();
  CollectInTurn();
  mutator().Safepoint();
  CollectInTurn();
  EXPECT_FALSE(ref->IsCleared());
  mutator().EndTurn(StackState::kNoPointers);
  CollectInTurn();
  EXPECT_TRUE(ref->IsCleared());
}

TEST_F(TurnKeptAliveTest, EachTurnKeepsOnlyWhatWasReadInIt) {
  const auto first = NewRef(1);
  const auto second = NewRef(2);
  mutator().EndTurn(StackState::kNoPointers);
  NoInline([&] { EXPECT_NE(first->Deref(), nullptr); });
  NoInline([&] { EXPECT_NE(second->Deref(), nullptr); });
  CollectInTurn();
  mutator().EndTurn(StackState::kNoPointers);
  NoInline([&] { EXPECT_NE(second->Deref(), nullptr); });
  CollectInTurn();
  EXPECT_TRUE(first->IsCleared());
  EXPECT_FALSE(second->IsCleared());
  mutator().EndTurn(StackState::kNoPointers);
  CollectInTurn();
  EXPECT_TRUE(second->IsCleared());
}

TEST_F(TurnKeptAliveTest, ReadAgainInALaterTurnIsKeptAgain) {
  const auto ref = NewRef(3);
  for (int turn = 0; turn < 5; turn++) {
    mutator().EndTurn(StackState::kNoPointers);
    NoInline([&] { EXPECT_EQ(ref->Deref()->value, 3); });
    CollectInTurn();
  }
  EXPECT_FALSE(ref->IsCleared());
}

TEST_F(TurnKeptAliveTest, KeepsWhatTheTargetRefersTo) {
  const auto ref = NoInline([] {
    Node* const tail = Make<Node>(2);
    return Persistent(Make<WeakRef<Node>>(Make<Node>(1, tail)));
  });
  CollectInTurn();
  EXPECT_EQ(NoInline([&] { return ref->Deref()->next->value; }), 2);
}

TEST_F(TurnKeptAliveTest, OutlivesTheRefItself) {
  WeakPersistent<Node> weak;
  NoInline([&] {
    Node* const node = Make<Node>(1);
    weak = node;
    Make<WeakRef<Node>>(node);
  });
  CollectInTurn();
  EXPECT_TRUE(NoInline([&] { return weak.Get() != nullptr; }));
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
}

TEST_F(TurnKeptAliveTest, KeptTargetIsAliveForAllOtherKindsOfViews) {
  int calls = 0;
  const auto ref = NewRef();
  const Persistent<FinalizationRegistry<int>> registry(
      Make<FinalizationRegistry<int>>([&](int) { calls++; }));
  const Persistent<WeakMap<Node, int>> map(Make<WeakMap<Node, int>>());
  NoInline([&] {
    ASSERT_TRUE(registry->Register(ref->Deref(), 1).ok());
    ASSERT_TRUE(map->Set(ref->Deref(), 2).ok());
  });
  CollectInTurn();
  mutator().Safepoint();
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(NoInline([&] { return map->Get(ref->Deref()); }), 2);
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(ref->IsCleared());
}

TEST_F(TurnKeptAliveTest, AnotherMutatorsTurnEndDoesNotReleaseMine) {
  const auto ref = NewRef();
  RunAttached([&](Mutator& other) {
    for (int i = 0; i < 3; i++) {
      other.EndTurn(StackState::kNoPointers);
      heap().Collect(StackState::kNoPointers);
    }
  });
  CollectInTurn();
  EXPECT_FALSE(ref->IsCleared());
  CollectPrecisely();
  EXPECT_TRUE(ref->IsCleared());
}

TEST_F(TurnKeptAliveTest, MyTurnsEndDoesNotReleaseWhatAnotherMutatorHasRead) {
  const auto ref = NewRef(4);
  std::latch read(1);
  std::latch collected(1);
  std::atomic<int> seen{0};
  std::thread other([&] {
    Mutator attached(heap());
    NoInline([&] { EXPECT_NE(ref->Deref(), nullptr); });
    {
      BlockingRegion region(attached);
      read.count_down();
      collected.wait();
    }
    if (const Node* const node = ref->Deref()) seen = node->value;
  });
  {
    BlockingRegion region(mutator());
    read.wait();
  }
  CollectPrecisely();
  EXPECT_FALSE(ref->IsCleared());
  collected.count_down();
  {
    BlockingRegion region(mutator());
    other.join();
  }
  EXPECT_EQ(seen, 4);
  CollectPrecisely();
  EXPECT_TRUE(ref->IsCleared());
}

TEST_F(TurnKeptAliveTest, DetachingReleasesWhatWasKept) {
  Persistent<WeakRef<Node>> ref;
  RunAttached([&](Mutator&) {
    ref = Make<WeakRef<Node>>(Make<Node>());
    EXPECT_NE(ref->Deref(), nullptr);
  });
  EXPECT_FALSE(ref->IsCleared());
  CollectInTurn();
  EXPECT_TRUE(ref->IsCleared());
}

TEST_F(TurnKeptAliveTest, HeapMayEndInTheMiddleOfATurn) {
  Detach();
  Heap short_lived(TestOptions());
  Mutator attached(short_lived);
  for (int i = 0; i < 100; i++) Make<WeakRef<Node>>(Make<Node>(i));
}

// A slot is shaded when it is overwritten; the list, when it is emptied, need not be: what was on
// it has been scanned. A read after the scan brings its target back in another way.
TEST(TurnAtStepsTest, TurnMayEndAtEveryStep) {
  for (int i = 0; i <= static_cast<int>(CycleStep::kSwept); i++) {
    const auto step = static_cast<CycleStep>(i);
    Heap heap(TestOptions({.conservative_stacks = false}));
    Mutator mutator(heap);
    const Persistent<WeakRef<Node>> ref(Make<WeakRef<Node>>(Make<Node>(5)));
    CycleStepper stepper(heap);
    stepper.AdvanceTo(step);
    mutator.EndTurn();
    stepper.FinishCycle();
    // Kept when the cycle scanned it, unless the turn had ended before.
    EXPECT_EQ(ref->IsCleared(), step < CycleStep::kStacksScanned) << i;
    stepper.AdvanceTo(CycleStep::kSwept);
    stepper.FinishCycle();
    EXPECT_TRUE(ref->IsCleared()) << i;
  }
}

// The collector reads a list after its mutator has handed it over, and may do so late.
TEST(TurnAtStepsTest, WhatIsReadInTheNextTurnTakesThePlaceOfNothingHandedOver) {
  Heap heap(TestOptions({.conservative_stacks = false}));
  Mutator mutator(heap);
  const Persistent<WeakRef<Node>> ref(Make<WeakRef<Node>>(Make<Node>(5)));
  CycleStepper stepper(heap);
  stepper.AdvanceTo(CycleStep::kStacksScanned);
  mutator.EndTurn();
  const Persistent<Node> other(Make<Node>(6));
  Make<WeakRef<Node>>(other.get());
  stepper.FinishCycle();
  EXPECT_FALSE(ref->IsCleared());
}

// As many reads as it takes to have duplicates removed, which puts a list in order.
TEST(TurnAtStepsTest, WhatIsReadAgainTakesThePlaceOfNothingHandedOver) {
  constexpr int kReads = 2000;
  Heap heap(TestOptions({.conservative_stacks = false}));
  Mutator mutator(heap);
  for (int i = 0; i < kReads; i++) Make<WeakRef<Node>>(Make<Node>(i));  // the list gets room
  mutator.EndTurn();
  Node* const first = Make<Node>(5);
  Node* const second = Make<Node>(6);
  const Persistent<Node> lower(std::min(first, second, std::less<>()));
  const Persistent<WeakRef<Node>> ref(Make<WeakRef<Node>>(std::max(first, second, std::less<>())));
  CycleStepper stepper(heap);
  stepper.AdvanceTo(CycleStep::kStacksScanned);
  for (int i = 0; i < kReads; i++) {
    EXPECT_EQ(Make<WeakRef<Node>>(lower.get())->Deref(), lower.get());
  }
  stepper.FinishCycle();
  EXPECT_FALSE(ref->IsCleared());
}

// To grow again costs as much as the reads themselves.
TEST(TurnAtStepsTest, AListThatWasHandedOverEmptyKeepsItsRoom) {
  internal::KeptList list;
  int target = 0;
  list.Append(&target);
  void** const room = list.begin();
  list.Clear();
  EXPECT_EQ(list.Share().size, 0u);
  list.Clear();
  EXPECT_EQ(list.begin(), room);
}

// Two mutators overwrite each other's stamp on the reference, so that each read may add to a list.
TEST_F(TurnKeptAliveTest, MillionsOfDerefsInOneTurnTakeNoMemory) {
  constexpr int kDerefs = 2'000'000;
  constexpr std::size_t kMostBytes = std::size_t{8} << 20;
  const Persistent<Node> node(Make<Node>(1));
  const Persistent<WeakRef<Node>> ref(Make<WeakRef<Node>>(node.get()));
  std::barrier both(2);
  std::atomic<int> nulls{0};
  std::atomic<std::size_t> before{0};
  std::atomic<std::size_t> after{0};
  const auto measure = [&](Mutator& reader, std::atomic<std::size_t>& resident) {
    BlockingRegion region(reader);
    both.arrive_and_wait();
    resident = ResidentBytes();
    both.arrive_and_wait();
  };
  const auto read = [&] {
    Mutator reader(heap());
    measure(reader, before);
    for (int i = 0; i < kDerefs; i++) {
      if (ref->Deref() == nullptr) nulls++;
    }
    measure(reader, after);
  };
  {
    BlockingRegion region(mutator());
    std::thread first(read);
    std::thread second(read);
    first.join();
    second.join();
  }
  EXPECT_EQ(nulls, 0);
  EXPECT_LT(after, before + kMostBytes);
}

// Each of them is new, and all have one target.
TEST_F(TurnKeptAliveTest, ManyRefsToOneTargetKeepItOnce) {
  constexpr int kRefs = 5000;
  WeakPersistent<Node> weak;
  NoInline([&] {
    Node* const node = Make<Node>(1);
    weak = node;
    for (int i = 0; i < kRefs; i++) {
      EXPECT_EQ(Make<WeakRef<Node>>(node)->Deref(), node);
    }
  });
  CollectInTurn();
  EXPECT_TRUE(NoInline([&] { return weak.Get() != nullptr; }));
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
}

// The list is put in order when it has grown; nothing on it is lost.
TEST_F(TurnKeptAliveTest, ManyTargetsAreAllKept) {
  constexpr int kRefs = 20'000;
  const Persistent<Array<Member<WeakRef<Node>>>> refs(MakeArray<Member<WeakRef<Node>>>(kRefs));
  NoInline([&] {
    for (int i = 0; i < kRefs; i++) (*refs)[i] = Make<WeakRef<Node>>(Make<Node>(i));
  });
  CollectInTurn();
  for (int i = 0; i < kRefs; i++) {
    ASSERT_FALSE((*refs)[i]->IsCleared()) << i;
  }
  mutator().EndTurn(StackState::kNoPointers);
  NoInline([&] {
    for (int round = 0; round < 3; round++) {
      for (int i = 0; i < kRefs; i += 2) {
        ASSERT_EQ((*refs)[i]->Deref()->value, i);
      }
    }
  });
  CollectInTurn();
  for (int i = 0; i < kRefs; i++) {
    ASSERT_EQ((*refs)[i]->IsCleared(), i % 2 != 0) << i;
  }
}

}  // namespace
}  // namespace elegy::test
