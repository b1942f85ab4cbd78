// A mutator helps to mark. The collector has found nothing left to mark while the mutator still
// holds an object that it has marked and not traced: it hands over the rest, and the collector
// asks. Or not all mutators have been scanned: then it must not help yet.

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/actor.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/held_point.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using internal::ChaosPointOf;

struct Node {
  Canary canary;
  Member<Node> next;
};

thread_local bool is_mutator = false;
std::atomic<bool> collector_may_go_on{true};
HeldPoint* nothing_left = nullptr;
bool mutator_has_helped = false;

// The collector's thread stays at the first that it gets, and leaves the rest to the mutator; that
// stays at its first one until the collector has done all the others.
struct Element {
  Member<Node> list;
  void Trace(Visitor& visitor) const {
    if (list.get() != nullptr) Meet();
    visitor.Trace(list);
  }

  static void Meet() {
    if (!is_mutator) {
      while (!collector_may_go_on) std::this_thread::yield();
    } else if (!mutator_has_helped) {
      mutator_has_helped = true;
      collector_may_go_on = true;
      nothing_left->Await();
    }
  }
};

class WindowMarkingTest : public HeapTest {
 public:
  WindowMarkingTest() : HeapTest({.initial_heap_bytes = 1 << 20, .conservative_stacks = false}) {}
};

TEST_F(WindowMarkingTest, WhatAHelpingMutatorHandsOverIsMarked) {
  constexpr std::size_t kElements = 32 << 10;
  constexpr std::size_t kEvery = 2048;   // elements are traced together
  constexpr std::size_t kLength = 5000;  // more than one allocation marks
  collector_may_go_on = true;
  mutator_has_helped = false;
  const Persistent<Array<Element>> array(MakeArray<Element>(kElements));
  for (std::size_t i = 0; i < kElements; i += kEvery) {
    for (std::size_t j = 0; j < kLength; j++) {
      Persistent<Node> node(Make<Node>(Canary(1)));
      node->next = (*array)[i].list.get();
      (*array)[i].list = node;
    }
  }
  CollectPrecisely();
  collector_may_go_on = false;
  is_mutator = true;
  HeldPoint held(ChaosPointOf("nothing left to mark"));
  nothing_left = &held;
  for (int i = 0; i < 1'000'000 && !mutator_has_helped; i++) {
    MakeArray<char>(4 << 10);
    std::this_thread::yield();  // the collector gets there
  }
  ASSERT_TRUE(mutator_has_helped);
  held.Release();
  is_mutator = false;
  heap().Collect();
  for (std::size_t i = 0; i < kElements * 10; i++) Make<Node>(Canary(2));  // where they were
  for (std::size_t i = 0; i < kElements; i += kEvery) {
    std::size_t length = 0;
    for (const Node* node = (*array)[i].list.get(); node != nullptr; node = node->next.get()) {
      ASSERT_EQ(node->canary.id(), 1u);
      length++;
    }
    ASSERT_EQ(length, kLength);
  }
}

class WindowScanTest : public HeapTest {
 public:
  WindowScanTest() : HeapTest({.initial_heap_bytes = 1 << 20}) {}
};

// Says when it is traced before it is built.
struct Building {
  template <class F>
  explicit Building(F&& f) {
    std::forward<F>(f)(this);
    is_built = true;
  }
  void Trace(Visitor&) const {
    if (!is_built) halves_were_traced = true;
  }
  bool is_built = false;
  static std::atomic<bool> halves_were_traced;
};
std::atomic<bool> Building::halves_were_traced{false};

struct Slots {
  Member<Building> building;
  Member<Node> node;
};

// A constructor has handed out its object, and its thread has not been scanned. Another mutator
// has been; it overwrites the reference, and more than its buffer holds, and then allocates.
TEST_F(WindowScanTest, NobodyTracesWhatIsUnderConstructionBeforeItsMutatorIsScanned) {
  constexpr std::size_t kNodes = 2000;
  Building::halves_were_traced = false;
  const Persistent<Slots> slots = Make<Slots>();
  std::vector<Persistent<Slots>> others;
  for (std::size_t i = 0; i < kNodes; i++) {
    others.emplace_back(Make<Slots>(nullptr, Make<Node>(Canary(1))));
  }
  HeldPoint known(ChaosPointOf("nobody scanned"));
  Actor actor(heap());
  std::atomic<bool> arrived{false};
  std::thread waiter([&] {
    known.Await();
    arrived = true;
  });
  heap().RequestCollection();
  while (!arrived) mutator().Safepoint();
  waiter.join();
  std::atomic<bool> building{false};
  std::atomic<bool> may_end{false};
  actor.Start([&] {
    Make<Building>([&](Building* self) {
      slots->building = self;
      building = true;
      while (!may_end) std::this_thread::yield();
    });
  });
  while (!building) std::this_thread::yield();
  const std::uint64_t answers = Answers(heap(), 2);
  known.Release();
  while (Answers(heap(), 2) == answers) mutator().Safepoint();
  slots->building = nullptr;
  for (const Persistent<Slots>& each : others) each->node = nullptr;
  for (int i = 0; i < 4096; i++) MakeArray<char>(4 << 10);
  may_end = true;
  actor.Await();
  heap().Collect();
  EXPECT_FALSE(Building::halves_were_traced);
}

}  // namespace
}  // namespace elegy::test
