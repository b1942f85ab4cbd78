// What the conformance tests start from. Each test is named after its row of rows.tsv, and shows
// that row's behaviour as a program that uses elegy would notice it.

#ifndef ELEGY_TESTS_CONFORMANCE_FIXTURE_H_
#define ELEGY_TESTS_CONFORMANCE_FIXTURE_H_

#include <atomic>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/cycle_steps.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {

struct Node {
  int value = 0;
  Member<Node> next;
};

inline Persistent<Node> NewNode(int value = 0) { return Persistent(Make<Node>(value)); }

class ConformanceTest : public HeapTest {
 public:
  using HeapTest::HeapTest;

  void EndTurn() { mutator().EndTurn(StackState::kNoPointers); }
  // Within the turn: what the turn keeps alive stays, and no callback runs.
  void Collect() { heap().Collect(StackState::kNoPointers); }
  // Ends the turn, collects, and runs the callbacks of what has died.
  void CollectAndDeliver() {
    CollectPrecisely();
    mutator().Safepoint();
  }
};

// Only handles are roots: what a local variable holds dies all the same, also where a stepper stops
// the cycle.
class StepConformanceTest : public ConformanceTest {
 public:
  explicit StepConformanceTest(HeapOptions options = {.marker_threads = 2,
                                                      .conservative_stacks = false})
      : ConformanceTest(options) {}

  static void RunCycle(elegy::testing::CycleStepper& stepper) {
    stepper.AdvanceTo(elegy::testing::CycleStep::kSwept);
    stepper.FinishCycle();
  }
};

// Several mutators, of which the test's own is one. Only handles are roots.
class ThreadsConformanceTest : public ConformanceTest {
 public:
  ThreadsConformanceTest() : ConformanceTest({.conservative_stacks = false}) {}

  // Runs body(0) to body(threads - 1), each on an attached thread of its own, and beside them
  // cycle after cycle.
  void RunBesideCycles(int threads, const std::function<void(int, Mutator&)>& body) {
    const BlockingRegion region(mutator());
    std::atomic<int> running = threads;
    std::thread cycles([&] {
      while (running > 0) heap().Collect();
    });
    RunThreads(threads, [&](int i) {
      {
        Mutator attached(heap());
        body(i, attached);
      }
      running--;
    });
    cycles.join();
  }
};

// A registry that notes what it delivers.
class RegistryConformanceTest : public ConformanceTest {
 public:
  using Registry = FinalizationRegistry<int>;

  explicit RegistryConformanceTest(HeapOptions options = {})
      : ConformanceTest(options), registry(NewRegistry(calls)) {}

  Persistent<Registry> NewRegistry(std::vector<int>& delivered, RegistryOptions options = {}) {
    return Persistent(Make<Registry>(
        [this, &delivered](int held) {
          delivered.push_back(held);
          if (on_call) on_call(held);
        },
        std::move(options)));
  }
  // Registers targets that nothing refers to.
  void RegisterDoomed(int held) { ASSERT_TRUE(registry->Register(Make<Node>(), held).ok()); }
  void RegisterDoomed(int held, const Persistent<Node>& token) {
    ASSERT_TRUE(registry->Register(Make<Node>(), held, token).ok());
  }

  std::vector<int> calls;
  std::function<void(int)> on_call;
  Persistent<Registry> registry;
};

}  // namespace elegy::test

#endif  // ELEGY_TESTS_CONFORMANCE_FIXTURE_H_
