// A mutator that sweeps blocks because it needs one, and finds no memory: the block that it was at
// counts as swept, so the cycle ends, and no block is lost.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>

#include "elegy/elegy.h"
#include "tests/faults/faults.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

struct Node {
  Member<Node> next;
  std::int64_t value = 0;
  std::array<std::int64_t, 6> padding = {};
};

// Large objects are swept first: its destructor holds the collector before any small block.
class Stopper {
 public:
  ~Stopper() {
    entered = true;
    while (!open) std::this_thread::yield();
  }
  void Trace(Visitor&) const {}

  static std::atomic<bool> entered, open;

 private:
  [[maybe_unused]] std::array<char, 40'000> filling_{};
};
std::atomic<bool> Stopper::entered{false}, Stopper::open{false};

// Blocks that are all but full, of which one after the other is swept and passed over.
constexpr int kNodes = 20'000;
Node* MakeNodes() {
  Node* list = nullptr;
  for (int i = kNodes; i > 0; i--) {
    list = Make<Node>(list, i);
    if (i % 16 == 0) Make<Node>();
  }
  return list;
}

void ExpectNodes(const Node* list) {
  for (int i = 1; i <= kNodes; i++) {
    ASSERT_EQ(list->value, i);
    list = list->next;
  }
  EXPECT_EQ(list, nullptr);
}

TEST(SweepFaultsTest, TheCycleEndsWhicheverRequestFails) {
  bool struck = true;
  for (std::size_t n = 1; struck; n++) {
    SCOPED_TRACE("request " + std::to_string(n));
    Stopper::entered = Stopper::open = false;
    Heap heap(TestOptions({.initial_heap_bytes = std::size_t{1} << 30}));
    Mutator mutator(heap);
    const Persistent<Node> list = NoInline(MakeNodes);
    NoInline([] { Make<Stopper>(); });
    std::thread collector([&] { heap.Collect(); });
    while (!Stopper::entered) mutator.EndTurn(StackState::kNoPointers);
    {
      Faults faults(n, Faults::Extent::kFromThen);
      faults.Try([] {
        for (int i = 0; i < kNodes / 10; i++) Make<Node>();
      });
      struck = faults.Struck();
    }
    Stopper::open = true;
    {
      const BlockingRegion region(mutator);
      collector.join();
    }
    heap.Collect(StackState::kNoPointers);
    ExpectNodes(list.get());
    EXPECT_EQ(heap.Stats().live_bytes, kNodes * sizeof(Node));
  }
}

}  // namespace
}  // namespace elegy::test
