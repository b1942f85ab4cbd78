// HeapOptions::max_heap_bytes: what lives is bounded by it, garbage never fails because of it, and
// a heap that was full is as good as new once its objects have gone.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/actor.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

constexpr std::size_t kLimit = std::size_t{8} << 20;

struct Node {
  std::int64_t value = 0;
  Member<Node> next;
  std::array<std::int64_t, 6> padding = {};
};

struct Text {
  std::string text = "a text that is too long to be stored in place";
};

struct Small {
  std::array<std::int64_t, 4> values = {-1, -1, -1, -1};
};

class MemoryLimitTest : public HeapTest {
 public:
  MemoryLimitTest() : HeapTest({.max_heap_bytes = kLimit}) {}

  // Makes objects until there is no more room.
  template <class T>
  static std::vector<Persistent<T>> Fill() {
    std::vector<Persistent<T>> objects;
    try {
      while (true) objects.emplace_back(Make<T>());
    } catch (const std::bad_alloc&) {
    }
    return objects;
  }
};

// Records may take the room of blocks that are held back for their own kind; then those blocks are
// not taken again as if they still had it.
TEST_F(MemoryLimitTest, RecordsAndTheBlocksHeldBackShareOneLimit) {
  constexpr int kRecords = 100'000;
  const Persistent<Small> target = Make<Small>();
  const auto registry = Persistent(Make<FinalizationRegistry<int>>([](int) {}));
  std::vector<Persistent<Small>> garbage = NoInline(Fill<Small>);
  testing::CycleStepper stepper(heap());
  garbage.clear();
  // One more, if a cycle has begun before.
  do {
    stepper.AdvanceTo(testing::CycleStep::kSwept);
  } while (heap().Stats().heap_bytes > kLimit / 2);
  // The next cycle's sweep would give the blocks to the pool.
  stepper.AdvanceTo(testing::CycleStep::kBarrierOn);
  for (int i = 0; i < kRecords; i++) ASSERT_TRUE(registry->Register(target, i).ok());
  std::vector<Persistent<Small>> objects;
  Actor actor(heap());
  actor.Start([&] { objects = Fill<Small>(); });
  // Time to take all that is held back; what else there is has to wait for the cycle's end.
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  stepper.FinishCycle();
  {
    const BlockingRegion region(mutator());
    actor.Await();
  }
  EXPECT_LE(heap().Stats().heap_bytes, kLimit);
  EXPECT_GE(objects.size() * sizeof(Small), kLimit / 4);
}

TEST_F(MemoryLimitTest, LiveObjectsFillTheHeapUpToTheLimit) {
  std::vector<Persistent<Node>> nodes = NoInline(Fill<Node>);
  EXPECT_GE(nodes.size() * sizeof(Node), kLimit / 8 * 7);
  EXPECT_LE(nodes.size() * sizeof(Node), kLimit);
  EXPECT_LE(heap().Stats().heap_bytes, kLimit);
  EXPECT_THROW(Make<Node>(), std::bad_alloc);
  EXPECT_THROW(MakeArray<char>(100'000), std::bad_alloc);
  for (std::size_t i = 0; i < nodes.size(); i++) nodes[i]->value = static_cast<std::int64_t>(i);
  CollectPrecisely();
  for (std::size_t i = 0; i < nodes.size(); i++) {
    ASSERT_EQ(nodes[i]->value, static_cast<std::int64_t>(i));
  }
}

// Blocks with free cells are listed for their type. These are another type's in the end.
void UseBlocksOfTheDead(MemoryLimitTest& test, std::size_t period) {
  auto small = NoInline(MemoryLimitTest::Fill<Small>);
  for (std::size_t i = 0; i < small.size(); i += period) small[i] = nullptr;
  test.CollectPrecisely();
  small.clear();
  for (int i = 0; i < 3; i++) test.CollectPrecisely();
  auto nodes = NoInline(MemoryLimitTest::Fill<Node>);
  for (std::size_t i = 0; i < nodes.size(); i++) nodes[i]->value = static_cast<std::int64_t>(i);
  for (std::size_t i = 0; i < nodes.size(); i += 10) nodes[i] = nullptr;
  test.CollectPrecisely();
  NoInline(MemoryLimitTest::Fill<Small>);
  for (std::size_t i = 0; i < nodes.size(); i++) {
    if (nodes[i] == nullptr) continue;
    ASSERT_EQ(nodes[i]->value, static_cast<std::int64_t>(i));
  }
}

TEST_F(MemoryLimitTest, BlocksThatWereHalfEmptyAreUsedByTheirNewTypeAlone) {
  UseBlocksOfTheDead(*this, 2);
}

// Those with few free cells are kept for the day when there is no other room.
TEST_F(MemoryLimitTest, BlocksThatWereNearlyFullAreUsedByTheirNewTypeAlone) {
  UseBlocksOfTheDead(*this, 10);
}

TEST_F(MemoryLimitTest, AHeapThatWasFullIsUsableOnceItsObjectsAreDropped) {
  for (int round = 0; round < 4; round++) {
    std::size_t first = NoInline(Fill<Node>).size();  // and drops them
    std::size_t second = NoInline(Fill<Text>).size();
    EXPECT_GE(first * sizeof(Node), kLimit / 8 * 7) << "round " << round;
    EXPECT_GE(second * sizeof(Text), kLimit / 8 * 7) << "round " << round;
    EXPECT_NO_THROW(NoInline([] { MakeArray<char>(kLimit / 2); }));
    CollectPrecisely();
  }
  CollectPrecisely();
  EXPECT_LE(heap().Stats().heap_bytes, kLimit / 16);
}

// Every second object dies, so that no block is free as a whole; there is room for their like. Nine
// of ten holes are filled: a stale word on the stack may keep one or another of the dead.
TEST_F(MemoryLimitTest, HolesCountAsRoomForTheirType) {
  std::vector<Persistent<Node>> nodes = NoInline(Fill<Node>);
  const std::size_t count = nodes.size();
  for (std::size_t i = 0; i < count; i += 2) nodes[i] = nullptr;
  for (std::size_t i = 0; i < count / 10 * 9; i += 2) {
    ASSERT_NO_THROW(nodes[i] = Make<Node>()) << "after " << i / 2 << " of " << count / 2;
  }
}

TEST_F(MemoryLimitTest, HolesCountAsRoomForATypeWithADestructor) {
  std::vector<Persistent<Text>> texts = NoInline(Fill<Text>);
  const std::size_t count = texts.size();
  for (std::size_t i = 0; i < count; i += 2) texts[i] = nullptr;
  for (std::size_t i = 0; i < count / 10 * 9; i += 2) {
    ASSERT_NO_THROW(texts[i] = Make<Text>()) << "after " << i / 2 << " of " << count / 2;
  }
}

TEST_F(MemoryLimitTest, GarbageAloneNeverFails) {
  EXPECT_NO_THROW({
    for (std::size_t allocated = 0; allocated < 20 * kLimit;) {
      Make<Node>()->value = 1;
      Make<Text>();
      MakeArray<Member<Node>>(100);
      allocated += sizeof(Node) + sizeof(Text) + 100 * sizeof(void*);
    }
  });
}

TEST_F(MemoryLimitTest, LargeGarbageAloneNeverFails) {
  EXPECT_NO_THROW({
    for (int i = 0; i < 100; i++) MakeArray<char>(kLimit / 3);
    for (int i = 0; i < 100; i++) MakeArray<Member<Node>>(kLimit / 100);
  });
}

TEST_F(MemoryLimitTest, GarbageOfLinkedObjectsNeverFails) {
  EXPECT_NO_THROW({
    for (int round = 0; round < 40; round++) {
      NoInline([] {
        Persistent<Node> ring = Make<Node>();
        Persistent<Node> last = ring;
        for (int i = 0; i < 10'000; i++) {
          last->next = Make<Node>();
          last = last->next;
        }
        last->next = ring;
      });
    }
  });
}

// Each thread keeps a little; together they stay far below the limit.
TEST_F(MemoryLimitTest, GarbageOfSeveralThreadsNeverFails) {
  Detach();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([this] {
      const Mutator mutator(heap());
      EXPECT_NO_THROW({
        for (std::size_t allocated = 0; allocated < 10 * kLimit;) {
          Make<Node>();
          MakeArray<Member<Node>>(1000);
          allocated += sizeof(Node) + 1000 * sizeof(void*);
        }
      });
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(MemoryLimitTest, LargeGarbageOfSeveralThreadsNeverFails) {
  Detach();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([this] {
      const Mutator mutator(heap());
      EXPECT_NO_THROW({
        for (int i = 0; i < 400; i++) MakeArray<char>(kLimit / 40);
      });
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(MemoryLimitTest, AnArrayBeyondTheLimitFailsAndHarmsNothing) {
  const Persistent<Node> node = Make<Node>();
  node->value = 7;
  for (int i = 0; i < 10; i++) {
    EXPECT_THROW(MakeArray<char>(kLimit), std::bad_alloc);  // with its header
    EXPECT_THROW(MakeArray<char>(100 * kLimit), std::bad_alloc);
  }
  EXPECT_NO_THROW(NoInline([] { MakeArray<char>(kLimit - 200'000); }));
  CollectPrecisely();
  EXPECT_EQ(node->value, 7);
  EXPECT_LE(heap().Stats().heap_bytes, kLimit / 16);
}

TEST_F(MemoryLimitTest, AVectorThatFindsNoRoomIsUnchanged) {
  const Persistent<Vector<std::int64_t>> vector = Make<Vector<std::int64_t>>();
  std::int64_t pushed = 0;
  EXPECT_THROW(
      while (true) {
        vector->push_back(pushed);
        pushed++;
      },
      std::bad_alloc);
  EXPECT_GE(static_cast<std::size_t>(pushed) * sizeof(std::int64_t), kLimit / 8);
  ASSERT_EQ(vector->size(), static_cast<std::size_t>(pushed));
  EXPECT_THROW(vector->reserve(kLimit), std::bad_alloc);
  EXPECT_EQ(vector->size(), static_cast<std::size_t>(pushed));
  for (std::int64_t i = 0; i < pushed; i++) {
    ASSERT_EQ((*vector)[i], i);
  }
  vector->clear();
  EXPECT_NO_THROW(vector->push_back(5));
}

// A constructor that is refused memory fails as a whole.
class Pair {
 public:
  Pair() : first_(Make<Node>()), second_(Make<Node>()) {}
  ~Pair() { destroyed++; }
  void Trace(Visitor& visitor) const {
    visitor.Trace(first_);
    visitor.Trace(second_);
  }
  static int destroyed;

 private:
  Member<Node> first_, second_;
};
int Pair::destroyed = 0;

TEST_F(MemoryLimitTest, AConstructorThatFindsNoRoomLeavesNothing) {
  Pair::destroyed = 0;
  std::vector<Persistent<Pair>> pairs = NoInline(Fill<Pair>);
  EXPECT_THROW(Make<Pair>(), std::bad_alloc);
  const int made = static_cast<int>(pairs.size());
  CollectPrecisely();
  EXPECT_EQ(Pair::destroyed, 0);
  pairs.clear();
  CollectPrecisely();
  EXPECT_EQ(Pair::destroyed, made);
}

TEST_F(MemoryLimitTest, MemoryThatACycleFreesIsThereForAllThreads) {
  std::vector<Persistent<Node>> nodes = NoInline(Fill<Node>);
  nodes.clear();
  const BlockingRegion region(mutator());
  std::thread([this] {
    const Mutator guest(heap());
    EXPECT_GE(NoInline(Fill<Node>).size() * sizeof(Node), kLimit / 8 * 7);
  }).join();
}

// What a cycle under way is about to free is room: nobody waits for a second one.
TEST_F(MemoryLimitTest, WhoMeetsTheLimitDuringACycleWaitsForItsEndAlone) {
  constexpr std::chrono::milliseconds kStill{50};
  NoInline([] {
    for (std::size_t i = 0; i < kLimit / 2 / sizeof(Node); i++) Make<Node>();
  });
  testing::CycleStepper stepper(heap());
  stepper.AdvanceTo(testing::CycleStep::kFlipped);
  const std::uint64_t before = heap().Stats().cycles;
  std::atomic<std::size_t> made{0};
  std::atomic<bool> enough{false};
  std::thread thread([this, &made, &enough] {
    const Mutator guest(heap());
    while (!enough) {
      Make<Node>();
      made++;
    }
  });
  std::size_t seen = 0;
  do {
    seen = made;
    std::this_thread::sleep_for(kStill);
  } while (made == 0 || made != seen);  // until it has met the limit
  enough = true;
  stepper.FinishCycle();
  {
    const BlockingRegion region(mutator());
    thread.join();
  }
  EXPECT_EQ(heap().Stats().cycles, before + 1);
}

TEST(MemoryTinyLimitTest, AHeapWithoutRoomRefusesEverything) {
  Heap heap(TestOptions({.max_heap_bytes = 1}));
  const Mutator mutator(heap);
  for (int i = 0; i < 3; i++) {
    EXPECT_THROW(Make<Node>(), std::bad_alloc);
    EXPECT_THROW(MakeArray<char>(100'000), std::bad_alloc);
  }
  heap.Collect();
  EXPECT_EQ(heap.Stats().heap_bytes, 0u);
}

TEST(MemoryTinyLimitTest, OneBlockIsEnoughForOneType) {
  Heap heap(TestOptions({.max_heap_bytes = 16 << 10}));
  const Mutator mutator(heap);
  const Persistent<Node> node = Make<Node>();
  node->value = 3;
  EXPECT_NO_THROW({
    for (int i = 0; i < 10'000; i++) Make<Node>();
  });
  EXPECT_THROW(Make<Text>(), std::bad_alloc);
  EXPECT_EQ(node->value, 3);
}

}  // namespace
}  // namespace elegy::test
