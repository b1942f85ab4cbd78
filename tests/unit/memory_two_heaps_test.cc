// Heaps in one process know nothing of each other.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <barrier>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
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

Node* MakeList(std::int64_t begin, int length) {
  Node* list = nullptr;
  for (int i = 0; i < length; i++) list = Make<Node>(begin + i, list);
  return list;
}
bool IsList(const Node* list, std::int64_t begin, int length) {
  for (int i = length; i-- > 0; list = list->next) {
    if (list == nullptr || list->value != begin + i) return false;
  }
  return list == nullptr;
}

TEST(MemoryTwoHeapsTest, EachThreadHasItsOwn) {
  constexpr int kHeaps = 3;
  std::barrier together(kHeaps);
  std::vector<std::thread> threads;
  for (int h = 0; h < kHeaps; h++) {
    threads.emplace_back([h, &together] {
      Heap heap(TestOptions({.initial_heap_bytes = 1 << 20}));
      const Mutator mutator(heap);
      const Persistent<Node> list = MakeList(h * 1'000'000, 10'000);
      together.arrive_and_wait();
      for (int round = 0; round < 20; round++) {
        NoInline([] { MakeList(-1000, 20'000); });
        if (round % 4 == h) heap.Collect();
        ASSERT_TRUE(IsList(list, h * 1'000'000, 10'000));
      }
      heap.Collect(StackState::kNoPointers);
      EXPECT_EQ(heap.Stats().live_bytes, 10'000 * sizeof(Node));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Each of two threads waits for the other's heap: it must not keep its own heap's collector
// waiting.
TEST(MemoryTwoHeapsTest, TwoThreadsMayCollectEachOthersHeap) {
  constexpr int kCollections = 100;
  std::array<std::unique_ptr<Heap>, 2> heaps;
  for (auto& heap : heaps) heap = std::make_unique<Heap>(TestOptions());
  std::barrier attached(2);
  std::vector<std::thread> threads;
  for (std::size_t h = 0; h < heaps.size(); h++) {
    threads.emplace_back([&, h] {
      const Mutator mutator(*heaps[h]);
      Node* const list = MakeList(0, 100);  // found on the stack alone
      attached.arrive_and_wait();
      for (int i = 0; i < kCollections; i++) {
        heaps[1 - h]->Collect(i % 2 == 0 ? StackState::kNoPointers : StackState::kMayHoldPointers);
      }
      EXPECT_TRUE(IsList(list, 0, 100));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& heap : heaps) EXPECT_GE(heap->Stats().cycles, kCollections);
}

TEST(MemoryTwoHeapsTest, OneThreadMayGoBackAndForth) {
  std::array<std::unique_ptr<Heap>, 3> heaps;
  for (auto& heap : heaps) heap = std::make_unique<Heap>(TestOptions());
  std::array<Persistent<Node>, 3> lists;
  for (int round = 0; round < 30; round++) {
    for (std::size_t h = 0; h < heaps.size(); h++) {
      const Mutator mutator(*heaps[h]);
      const auto begin = static_cast<std::int64_t>(h * 1000);
      if (round == 0) {
        lists[h] = MakeList(begin, 100);
      } else {
        ASSERT_TRUE(IsList(lists[h], begin + round - 1, 100));
        lists[h] = NoInline([&] { return MakeList(begin + round, 100); });
      }
      heaps[(h + 1) % 3]->Collect();  // another heap than its own
      NoInline([] { MakeList(-1000, 1000); });
    }
  }
  for (std::size_t h = 0; h < heaps.size(); h++) {
    heaps[h]->Collect();
    EXPECT_TRUE(IsList(lists[h], static_cast<std::int64_t>(h * 1000) + 29, 100));
    EXPECT_EQ(heaps[h]->Stats().live_bytes, 100 * sizeof(Node));
  }
}

// One heap's cycle stands still in every step; the other's mutator goes about its business.
TEST(MemoryTwoHeapsTest, ACycleOfOneDoesNotTouchTheOther) {
  Heap stopped(TestOptions());
  Heap heap(TestOptions());
  CycleStepper stepper(stopped);
  for (const CycleStep step :
       {CycleStep::kBarrierOn, CycleStep::kStacksScanned, CycleStep::kMarked, CycleStep::kFlipped,
        CycleStep::kCellsCleared, CycleStep::kRecordsQueued, CycleStep::kSwept}) {
    stepper.AdvanceTo(step);
    const Mutator mutator(heap);
    const Persistent<Node> list = MakeList(0, 1000);
    const WeakPersistent<Node> weak = NoInline([] { return WeakPersistent<Node>(MakeList(5, 2)); });
    list->next = list->next->next;  // a store while some heap's barrier is on
    heap.Collect(StackState::kNoPointers);
    EXPECT_EQ(weak.Get(), nullptr);
    EXPECT_EQ(list->next->value, 997);
  }
}

// The end of one, with objects, handles and a registry left, is no event for the other.
class Emptied {
 public:
  Emptied() : next_(Make<Node>()) {}
  ~Emptied() {
    next_ = nullptr;
    destroyed++;
  }
  void Trace(Visitor& visitor) const { visitor.Trace(next_); }

  static inline std::atomic<int> destroyed{0};

 private:
  Member<Node> next_;
};

// A destructor's own slots need no barrier, whichever heaps are marking.
TEST(MemoryTwoHeapsTest, ADestructorMayWriteItsSlotsWhileAnotherHeapMarks) {
  Heap other(TestOptions());
  CycleStepper stepper(other);
  stepper.AdvanceTo(CycleStep::kStacksScanned);
  Emptied::destroyed = 0;
  std::optional<Heap> heap(std::in_place, TestOptions());
  {
    Mutator mutator(*heap);
    NoInline([] { Make<Emptied>(); });
    mutator.EndTurn(StackState::kNoPointers);
    heap->Collect(StackState::kNoPointers);
    EXPECT_EQ(Emptied::destroyed, 1);
    NoInline([] { Make<Emptied>(); });
  }
  heap.reset();
  EXPECT_EQ(Emptied::destroyed, 2);
}

// Ending a heap waits for its collector, which may be waiting for this thread's own heap.
TEST(MemoryTwoHeapsTest, WhoEndsAHeapHoldsUpNoOther) {
  Heap own(TestOptions());
  const Mutator mutator(own);
  std::atomic<bool> is_ending{false};
  auto other = std::make_unique<Heap>(TestOptions());
  std::atomic<bool> has_begun{false};
  other->SetObserver([&](const HeapEvent& event) {
    if (event.kind != HeapEvent::Kind::kCycleStarted) return;
    has_begun = true;
    while (!is_ending) std::this_thread::yield();
    own.Collect();  // needs an answer of the thread that ends the heap
  });
  other->RequestCollection();
  while (!has_begun) std::this_thread::yield();
  is_ending = true;
  other.reset();
  EXPECT_GE(own.Stats().cycles, 1u);
}

TEST(MemoryTwoHeapsTest, HeapsComeAndGo) {
  Heap heap(TestOptions());
  std::vector<Persistent<Node>> handles;
  std::atomic<int> delivered{0};
  Persistent<Node> list;
  {
    const Mutator mutator(heap);
    list = MakeList(0, 1000);
  }
  for (int round = 0; round < 20; round++) {
    Heap brief(TestOptions());
    const Mutator mutator(brief);
    handles.emplace_back(MakeList(0, 100));
    auto* const registry = Make<FinalizationRegistry<int>>([&](int) { delivered++; });
    EXPECT_TRUE(registry->Register(handles.back(), 1).ok());
    heap.RequestCollection();
  }
  heap.Collect();
  EXPECT_TRUE(IsList(list, 0, 1000));
  for (const Persistent<Node>& each : handles) {
    EXPECT_EQ(each, nullptr);
  }
  EXPECT_EQ(delivered, 0);
}

// The address range of a heap that has ended may be another's.
TEST(MemoryTwoHeapsTest, ManyHeapsAtOnce) {
  std::vector<std::unique_ptr<Heap>> heaps;
  std::vector<Persistent<Node>> lists;
  for (int i = 0; i < 16; i++) {
    heaps.push_back(std::make_unique<Heap>(TestOptions()));
    const Mutator mutator(*heaps.back());
    lists.emplace_back(MakeList(i, 10));
  }
  for (std::size_t i = 0; i < heaps.size(); i += 2) heaps[i].reset();
  for (std::size_t i = 0; i < heaps.size(); i++) {
    if (i % 2 == 0) {
      EXPECT_EQ(lists[i], nullptr);
      heaps[i] = std::make_unique<Heap>(TestOptions());
      const Mutator mutator(*heaps[i]);
      lists[i] = MakeList(static_cast<std::int64_t>(100 + i), 10);
    }
    heaps[i]->Collect();
  }
  for (std::size_t i = 0; i < heaps.size(); i++) {
    EXPECT_TRUE(IsList(lists[i], static_cast<std::int64_t>(i % 2 == 0 ? 100 + i : i), 10));
  }
}

}  // namespace
}  // namespace elegy::test
