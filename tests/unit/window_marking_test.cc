// The collector has found nothing left to mark while a mutator that helps it still holds an object
// that it has marked and not traced. The mutator hands over the rest, and the collector asks.

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "elegy/elegy.h"
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

}  // namespace
}  // namespace elegy::test
