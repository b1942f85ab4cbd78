// Mutators that bring objects back and detach at once, at any moment of the marking: also between
// the moment when the collector finds nothing left to mark and the round that it asks then. What
// such a mutator hands over must be marked, though nobody is left to answer for it.

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/actor.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

struct Node {
  Node(std::uint64_t id, const Census& census) : counted(id, census) {}
  void Trace(Visitor& visitor) const { visitor.Trace(next); }
  Counted counted;
  Member<Node> next;
};

// Ten nodes that a weak cell names, and a slot that holds them now and then.
struct Place {
  WeakMember<Node> weak;
  AtomicMember<Node> slot;
};

class LateShadingTest : public StressTest {
 public:
  static constexpr int kLength = 10;

  Node* MakeChain(std::uint64_t id) {
    Node* chain = nullptr;
    for (int i = 0; i < kLength; i++) {
      Node* const node = Make<Node>(id, census_);
      node->next = chain;
      chain = node;
    }
    return chain;
  }

  static void ExpectWhole(const Node* chain, std::uint64_t id) {
    int length = 0;
    for (; chain != nullptr; chain = chain->next, length++) ASSERT_EQ(chain->counted.id(), id);
    ASSERT_EQ(length, kLength);
  }

  // One visit: takes the chain out of the slot, or brings it back through the weak cell.
  void Visit(Place& place, std::uint64_t id) {
    Mutator mutator(heap());
    Node* chain = place.slot.exchange(nullptr);
    if (chain == nullptr) chain = place.weak.Get();
    if (chain == nullptr) {
      chain = MakeChain(id);
      place.weak = chain;
    } else {
      ExpectWhole(chain, id);
    }
    if (place.slot.load() == nullptr) place.slot.store(chain);
  }

  Census census_;
};

TEST_F(LateShadingTest, WhatADetachedMutatorHasShadedIsMarked) {
  constexpr int kThreads = 4;
  Persistent<Array<Place>> places;
  {
    Mutator mutator(heap());
    places = MakeArray<Place>(kThreads);
  }
  {
    BackToBackCycles cycles(heap());
    RunThreads(kThreads, [&](int number) {
      Random random(static_cast<std::uint64_t>(number));
      Place& place = (*places)[static_cast<std::size_t>(number)];
      while (cycles.GoOn(Scaled(6000), random) && !HasFatalFailure()) {
        Visit(place, static_cast<std::uint64_t>(number) + 1);
      }
    });
  }
  places = nullptr;
  CollectEverything();
  EXPECT_EQ(census_.destroyed, census_.made);
}

// A mutator that has answered a round brings an object back before another has answered. The
// round must not be the last: what the object refers to is still to be marked.
TEST_F(LateShadingTest, WhatIsBroughtBackDuringARoundIsTraced) {
  Actor reader(heap());
  Actor late(heap());
  Persistent<Place> place;
  reader.Do([&] {
    place = Make<Place>();
    place->weak = MakeChain(1);
  });
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kStacksScanned);
  late.StandStill();
  const std::uint64_t answers = Answers(heap(), 3);
  std::thread collector([&] { stepper.AdvanceTo(CycleStep::kMarked); });
  AwaitAnswers(heap(), 3, answers + 1);  // the reader's
  std::atomic<bool> taken{false};
  std::atomic<bool> finished{false};
  reader.Start([&] {
    const Node* const chain = place->weak.Get();
    taken = true;
    ASSERT_NE(chain, nullptr);
    while (!finished) Mutator::Current().Safepoint();
    ExpectWhole(chain, 1);
  });
  while (!taken) std::this_thread::yield();
  late.Poll();
  collector.join();
  stepper.FinishCycle();
  finished = true;
  reader.Await();
}

}  // namespace
}  // namespace elegy::test
