// Operations of collections that find the heap full of garbage: they wait for a cycle, and keep
// what they were given meanwhile, also where no stack is scanned.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/last_store.h"

namespace elegy::test {
namespace {

constexpr std::size_t kLimit = std::size_t{8} << 20;
constexpr int kEntries = 3'000;

struct Node {
  explicit Node(int number) : value(number) {}
  ~Node() { LastStore(value, -1); }
  void Trace(Visitor&) const {}

  int value;
};

class MemoryRoomTest : public HeapTest {
 protected:
  MemoryRoomTest()
      : HeapTest({.max_heap_bytes = kLimit,
                  .initial_heap_bytes = std::size_t{1} << 30,
                  .conservative_stacks = false}) {}

  std::uint64_t Cycles() { return heap().Stats().cycles; }

  // Leaves room for less than a block, without a cycle. Only before the first: later ones begin
  // before the heap is full, and may keep up with who fills it. Returns how many cycles there have
  // been.
  std::uint64_t FillWithGarbage() {
    constexpr std::size_t kBlock = std::size_t{16} << 10;
    while (Cycles() == 0 && heap().Stats().heap_bytes + kBlock <= kLimit) {
      MakeArray<char>(kBlock - 1000);
    }
    return Cycles();
  }

  // Calls add(i) for each entry, which returns how many cycles it has waited for: one at least.
  template <class F>
  void AddAll(F&& add) {
    std::uint64_t waits = 0;
    for (int i = 0; i < kEntries; i++) {
      waits += add(i);
      if (HasFatalFailure()) return;
    }
    EXPECT_GT(waits, 0u);
  }
};

TEST_F(MemoryRoomTest, AMapKeepsTheValue) {
  const Persistent map = Make<WeakMap<Node, Member<Node>>>();
  std::vector<Persistent<Node>> keys;
  AddAll([&](int i) {
    keys.emplace_back(Make<Node>(i));
    Node* const value = Make<Node>(i);
    const std::uint64_t before = FillWithGarbage();
    const absl::Status status = map->Set(keys.back().get(), value);
    EXPECT_TRUE(status.ok()) << status;
    const Node* const found = map->Get(keys.back().get());
    EXPECT_TRUE(found != nullptr && found->value == i) << i;
    return Cycles() - before;
  });
}

TEST_F(MemoryRoomTest, AMapKeepsTheKey) {
  const Persistent map = Make<WeakMap<Node, int>>();
  std::vector<Persistent<Node>> keys;
  AddAll([&](int i) {
    Node* const key = Make<Node>(i);
    const std::uint64_t before = FillWithGarbage();
    const absl::StatusOr<int> stored = map->GetOrInsert(key, i);
    EXPECT_TRUE(stored.ok() && *stored == i);
    keys.emplace_back(key);
    EXPECT_EQ(key->value, i);
    EXPECT_EQ(map->Get(key), i);
    return Cycles() - before;
  });
}

struct Held {
  Member<Node> node;
  int number;
};

TEST_F(MemoryRoomTest, ARegistryKeepsTargetAndHeldValue) {
  int calls = 0;
  const Persistent registry = Make<FinalizationRegistry<Held>>([&](const Held& held) {
    calls++;
    EXPECT_EQ(held.node->value, held.number);
  });
  std::vector<Persistent<Node>> targets;
  AddAll([&](int i) {
    Persistent held = Make<Node>(i);
    Node* const target = Make<Node>(i);
    Held value{held.get(), i};
    held = nullptr;
    const std::uint64_t before = FillWithGarbage();
    const absl::Status status = registry->Register(target, std::move(value));
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(target->value, i);
    targets.emplace_back(target);
    return Cycles() - before;
  });
  targets.clear();
  CollectPrecisely();
  mutator().Safepoint();
  EXPECT_EQ(calls, kEntries);
}

TEST_F(MemoryRoomTest, ACacheKeepsTheObject) {
  const Persistent cache = Make<WeakCache<int, Node>>();
  std::vector<Persistent<Node>> nodes;
  AddAll([&](int i) {
    const std::uint64_t before = FillWithGarbage();
    Node* const node = cache->GetOrMake(i, [](int number) { return Make<Node>(number); });
    EXPECT_EQ(node->value, i);
    nodes.emplace_back(node);
    EXPECT_EQ(cache->Get(i), node);
    return Cycles() - before;
  });
}

}  // namespace
}  // namespace elegy::test
