// Graphs of objects: what is reachable lives, what is not dies, whatever the graph's shape and
// however many threads mark it.

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

struct Node {
  std::int64_t value = 0;
  Member<Node> next;
};

struct Tree {
  Member<Tree> left, right;
};

class MemoryGraphTest : public HeapTest {};

Tree* MakeTree(int depth) {
  if (depth == 0) return Make<Tree>();
  Tree* const left = MakeTree(depth - 1);
  return Make<Tree>(left, MakeTree(depth - 1));
}
int CountTree(const Tree* tree) {
  return tree == nullptr ? 0 : 1 + CountTree(tree->left) + CountTree(tree->right);
}

TEST_F(MemoryGraphTest, ALoneObjectThatRefersToItselfDies) {
  const WeakPersistent<Node> weak = NoInline([] {
    Node* const node = Make<Node>();
    node->next = node;
    return WeakPersistent<Node>(node);
  });
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
}

TEST_F(MemoryGraphTest, ARingDiesAsAWholeAndLivesAsAWhole) {
  constexpr int kLength = 10'000;
  std::vector<WeakPersistent<Node>> weak;
  Persistent<Node> root = NoInline([&] {
    Node* const first = Make<Node>();
    Node* last = first;
    for (int i = 0; i < kLength; i++) {
      weak.emplace_back(last);
      last->next = Make<Node>();
      last = last->next;
    }
    last->next = first;
    return last;
  });
  CollectPrecisely();
  for (const WeakPersistent<Node>& each : weak) {
    ASSERT_NE(each.Get(), nullptr);
  }
  root = nullptr;
  CollectPrecisely();
  for (const WeakPersistent<Node>& each : weak) {
    ASSERT_EQ(each.Get(), nullptr);
  }
}

TEST_F(MemoryGraphTest, AListOfMillionsIsMarkedWithoutRecursion) {
  constexpr std::int64_t kLength = 2'000'000;
  Persistent<Node> head = NoInline([] {
    Node* list = nullptr;
    for (std::int64_t i = 0; i < kLength; i++) list = Make<Node>(i, list);
    return list;
  });
  CollectPrecisely();
  EXPECT_GE(heap().Stats().live_bytes, kLength * sizeof(Node));
  std::int64_t expected = kLength;
  for (const Node* each = head; each != nullptr; each = each->next) {
    ASSERT_EQ(each->value, --expected);
  }
  EXPECT_EQ(expected, 0);
  head = nullptr;
  CollectPrecisely();
  EXPECT_EQ(heap().Stats().live_bytes, 0u);
}

// Treiber's stack. Without reclamation by hand, a popped node's address cannot come back while
// anyone looks at it: there is no ABA problem.
struct Stack {
  AtomicMember<Node> top;
};

TEST_F(MemoryGraphTest, ALockFreeStackLosesAndDuplicatesNothing) {
  constexpr int kThreads = 4;
  constexpr int kEach = 10'000;
  const Persistent<Stack> stack = Make<Stack>();
  std::vector<std::vector<std::int64_t>> popped(kThreads);
  Detach();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([this, t, &stack, &popped] {
      const Mutator mutator(heap());
      for (int i = 0; i < kEach; i++) {
        Node* const pushed = Make<Node>(t * kEach + i);
        Node* top = stack->top.load();
        do {
          pushed->next = top;
        } while (!stack->top.compare_exchange_weak(top, pushed));
        if (i % 1000 == 0) heap().RequestCollection();
        if (i % 3 == 0) continue;
        top = stack->top.load();
        while (top != nullptr && !stack->top.compare_exchange_strong(top, top->next)) {
        }
        if (top != nullptr) popped[static_cast<std::size_t>(t)].push_back(top->value);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Mutator mutator(heap());
  std::vector<int> seen(kThreads * kEach);
  for (const std::vector<std::int64_t>& each : popped) {
    for (const std::int64_t value : each) seen[static_cast<std::size_t>(value)]++;
  }
  for (const Node* each = stack->top.exchange(nullptr); each != nullptr; each = each->next) {
    seen[static_cast<std::size_t>(each->value)]++;
  }
  EXPECT_EQ(seen, std::vector<int>(kThreads * kEach, 1));
}

// ---- with several marker threads, and the pacing's options ----

struct Vertex {
  std::array<Member<Vertex>, 4> edges;
  std::int64_t number = 0;
};

class MemoryMarkersTest : public ::testing::TestWithParam<int> {
 protected:
  Heap heap_{TestOptions({.initial_heap_bytes = 1 << 20, .marker_threads = GetParam()})};
  Mutator mutator_{heap_};

  void CollectPrecisely() {
    mutator_.EndTurn(StackState::kNoPointers);
    heap_.Collect(StackState::kNoPointers);
  }
};

// A random graph, of which roots are dropped step by step; held against a plain search.
TEST_P(MemoryMarkersTest, ExactlyTheReachableLives) {
  constexpr std::size_t kVertices = 20'000;
  std::mt19937 random(12345);
  std::vector<std::array<std::size_t, 4>> edges(kVertices);
  std::vector<WeakPersistent<Vertex>> weak(kVertices);
  std::vector<Persistent<Vertex>> roots(50);
  std::vector<std::size_t> root_numbers(roots.size());
  NoInline([&] {
    const Persistent<Array<Member<Vertex>>> all = MakeArray<Member<Vertex>>(kVertices);
    for (std::size_t i = 0; i < kVertices; i++) {
      (*all)[i] = Make<Vertex>();
      (*all)[i]->number = static_cast<std::int64_t>(i);
      weak[i] = (*all)[i].get();
    }
    // Most edges lead to near neighbours, so that regions become unreachable one by one.
    for (std::size_t i = 0; i < kVertices; i++) {
      for (std::size_t k = 0; k < 4; k++) {
        edges[i][k] = (i + random() % 100) % kVertices;
        if (edges[i][k] % 40 < 39 - k * 10) edges[i][k] = i;
        (*all)[i]->edges[k] = (*all)[edges[i][k]].get();
      }
    }
    for (std::size_t i = 0; i < roots.size(); i++) {
      root_numbers[i] = random() % kVertices;
      roots[i] = (*all)[root_numbers[i]].get();
    }
  });
  while (!roots.empty()) {
    std::vector<bool> reachable(kVertices);
    std::vector<std::size_t> stack(root_numbers);
    while (!stack.empty()) {
      const std::size_t at = stack.back();
      stack.pop_back();
      if (reachable[at]) continue;
      reachable[at] = true;
      stack.insert(stack.end(), edges[at].begin(), edges[at].end());
    }
    CollectPrecisely();
    for (std::size_t i = 0; i < kVertices; i++) {
      const Vertex* const vertex = weak[i].Get();
      ASSERT_EQ(vertex != nullptr, reachable[i]) << i << " with " << roots.size() << " roots";
      if (vertex == nullptr) continue;
      ASSERT_EQ(vertex->number, static_cast<std::int64_t>(i));
      ASSERT_EQ(vertex->edges[3]->number, static_cast<std::int64_t>(edges[i][3]));
    }
    roots.resize(roots.size() * 2 / 3);
    root_numbers.resize(roots.size());
  }
}

TEST_P(MemoryMarkersTest, TreesAreKeptWhileGarbageIsMade) {
  constexpr int kDepth = 14;
  const Persistent<Tree> kept = NoInline([] { return MakeTree(kDepth); });
  for (int i = 0; i < 30; i++) NoInline([] { MakeTree(12); });
  CollectPrecisely();
  EXPECT_EQ(CountTree(kept), (2 << kDepth) - 1);
  EXPECT_LT(heap_.Stats().live_bytes, (2u << kDepth) * sizeof(Tree) + 1000);
}

TEST_P(MemoryMarkersTest, AListAndAWideArrayAreMarkedTogether) {
  const Persistent<Node> list = NoInline([] {
    Node* head = nullptr;
    for (std::int64_t i = 0; i < 200'000; i++) head = Make<Node>(i, head);
    return head;
  });
  const Persistent<Array<Member<Tree>>> forest = MakeArray<Member<Tree>>(20'000);
  for (Member<Tree>& each : *forest) each = MakeTree(2);
  CollectPrecisely();
  const std::size_t expected = 200'000 * sizeof(Node) + 20'000 * (7 * sizeof(Tree) + sizeof(void*));
  EXPECT_GE(heap_.Stats().live_bytes, expected);
  EXPECT_LE(heap_.Stats().live_bytes, expected + (32 << 10));
  for (const Member<Tree>& each : *forest) {
    ASSERT_EQ(CountTree(each), 7);
  }
}

INSTANTIATE_TEST_SUITE_P(MarkerThreads, MemoryMarkersTest, ::testing::Values(1, 2, 4),
                         ::testing::PrintToStringParamName());

// However a heap may grow: what lives is kept, and it collects by itself.
class MemoryGrowthTest : public ::testing::TestWithParam<double> {};

TEST_P(MemoryGrowthTest, AHeapCollectsByItself) {
  constexpr std::size_t kEnough = std::size_t{4} << 30;  // to see that it does not
  Heap heap(TestOptions(
      {.max_heap_bytes = 2 * kEnough, .initial_heap_bytes = 1 << 20, .growth_factor = GetParam()}));
  const Mutator mutator(heap);
  const Persistent<Tree> kept = NoInline([] { return MakeTree(12); });
  while (heap.Stats().cycles < 5 && heap.Stats().allocated_bytes < kEnough) {
    NoInline([] { MakeTree(12); });
  }
  EXPECT_GE(heap.Stats().cycles, 5u);
  EXPECT_EQ(CountTree(kept), (2 << 12) - 1);
}

INSTANTIATE_TEST_SUITE_P(Factors, MemoryGrowthTest, ::testing::Values(1.01, 1.5, 2.0, 4.0));

}  // namespace
}  // namespace elegy::test
