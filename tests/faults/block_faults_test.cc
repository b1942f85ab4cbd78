// What finds no memory while it takes blocks, or holds the mutators, leaves both as they were; and
// no free cell is left where the system gives no more.

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "elegy/elegy.h"
#include "src/heap/block_pool.h"
#include "src/mutator/handshake.h"
#include "src/mutator/mutator_impl.h"
#include "tests/faults/faults.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using internal::BlockPool;
using internal::HeapState;
using internal::kBlockBytes;

TEST(BlockFaultsTest, WhoCannotHoldAllHoldsNobody) {
  Heap heap(TestOptions());
  const Mutator mutator(heap);
  HeapState& state = internal::CurrentImpl().state;
  Faults faults(1, Faults::Extent::kOne);
  EXPECT_FALSE(faults.Try([&] { const internal::HoldScope hold(state); }));
  heap.Collect();  // nobody has the lock, nobody stands still
  EXPECT_EQ(heap.Stats().cycles, 1u);
}

TEST(BlockFaultsTest, APoolThatDoesNotGrowIsAsBefore) {
  constexpr std::size_t kMost = (std::size_t{1} << 30) / kBlockBytes;
  bool struck = true;
  for (std::size_t n = 1; struck; n++) {
    SCOPED_TRACE("request " + std::to_string(n));
    BlockPool pool(std::size_t{1} << 30);
    ASSERT_EQ(pool.Take(64), 0u);
    std::size_t large = BlockPool::kNoBlock;
    {
      Faults faults(n, Faults::Extent::kOne);
      faults.Try([&] { large = pool.Take(kMost / 2); });
      struck = faults.Struck();
    }
    EXPECT_EQ(large == BlockPool::kNoBlock, struck);
    pool.Give(0, 64);
    if (struck) {
      EXPECT_EQ(pool.TrimTo(0), 64 * kBlockBytes);
    }
    EXPECT_EQ(pool.Take(64), 0u);
  }
}

struct Node {
  Member<Node> next;
  std::array<std::int64_t, 7> padding = {};
};

TEST(BlockFaultsTest, TheLastFreeCellsAreUsed) {
  Heap heap(TestOptions());
  const Mutator mutator(heap);
  const HeapState& state = internal::CurrentImpl().state;
  // Blocks that are all but full, and passed over as long as there are others.
  Node* list = nullptr;
  std::size_t nodes = 0;
  NoInline([&] {
    for (int i = 0; i < 20'000; i++) {
      Node* const node = Make<Node>();
      if (i % 16 == 0) continue;
      node->next = list;
      list = node;
      nodes++;
    }
  });
  heap.Collect();
  Faults faults(1, Faults::Extent::kFromThen);
  faults.Try([&] {
    for (;; nodes++) list = Make<Node>(list);
  });
  EXPECT_TRUE(faults.Struck());
  EXPECT_GT(nodes * sizeof(Node), state.pool.Frontier() * kBlockBytes / 100 * 98);
}

// An allocation waits for three cycles at most; what the third has freed is used, too, though it is
// a cell here and there.
TEST(BlockFaultsTest, CellsThatTheThirdAwaitedCycleFreesAreUsed) {
  Heap heap(TestOptions());
  const Mutator mutator(heap);
  Persistent<Node> list;
  std::vector<Persistent<Node>> spread;
  NoInline([&] {
    for (int i = 0; i < 20'000; i++) {
      list = Make<Node>(list.get());
      if (i % 200 == 0) spread.emplace_back(Make<Node>());
    }
  });
  Faults faults(1, Faults::Extent::kFromThen);
  std::size_t made = 0;
  faults.Try([&] {
    NoInline([&] {  // until there is no free cell left
      try {
        while (true) list = Make<Node>(list.get());
      } catch (const std::bad_alloc&) {
      }
    });
    heap.Collect(StackState::kNoPointers);
    int cycles = 0;
    heap.SetObserver([&](const HeapEvent& event) {
      if (event.kind == HeapEvent::Kind::kCycleFinished && ++cycles == 2) spread.clear();
    });
    for (;; made++) list = Make<Node>(list.get());
  });
  heap.SetObserver(nullptr);
  EXPECT_TRUE(faults.Struck());
  EXPECT_TRUE(spread.empty());
  EXPECT_GE(made, 100u);
}

}  // namespace
}  // namespace elegy::test
