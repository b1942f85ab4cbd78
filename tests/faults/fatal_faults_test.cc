// Memory that the collector cannot do without: its want ends the program with a message.

#include <gtest/gtest.h>

#include <cstdint>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/faults/faults.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

struct Node {
  std::int64_t value = 0;
  Member<Node> next;
};

class FatalFaultsDeathTest : public HeapTest {
 protected:
  FatalFaultsDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

constexpr char kMessage[] = "elegy: out of memory for the collector's own work";

TEST_F(FatalFaultsDeathTest, WhatAStoreOverwritesWhileMarkingIsNotForgotten) {
  const Persistent<Node> node = Make<Node>();
  node->next = Make<Node>();
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kBarrierOn);
  Faults faults(1, Faults::Extent::kFromThen);
  EXPECT_DEATH(faults.Try([&] { node->next = nullptr; }), kMessage);
}

TEST_F(FatalFaultsDeathTest, AScanIsNotLeftUndone) {
  Node* const node = Make<Node>();
  const auto scan = [&] {
    heap().RequestCollection();
    Faults faults(1, Faults::Extent::kFromThen);
    faults.Try([&] {
      while (true) mutator().Safepoint();
    });
  };
  EXPECT_DEATH(scan(), kMessage);
  KeepAlive(node);
}

}  // namespace
}  // namespace elegy::test
