// Memory of dead objects serves objects of their own kind at once, and others only once another
// cycle has come: until then no stale address names an object of another type or size.

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

struct Node {
  Member<Node> next;
  std::int64_t value = 0;
  std::array<std::int64_t, 2> padding = {};
};
struct Like {  // as large as a Node
  Member<Like> next;
  std::int64_t value = 0;
  std::array<std::int64_t, 2> padding = {};
};
struct Text {
  std::string text = "a text that is too long to be stored in place";
};
struct LargeText {
  std::string text = "a text that is too long to be stored in place";
  std::array<char, 40'000> padding = {};
};

// Parts of the heap's range, in units of 16 KiB; plain numbers, which keep nothing alive.
using Places = std::set<std::uintptr_t>;

void Add(Places& places, const void* object, std::size_t bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(object);
  for (std::uintptr_t at = address >> 14; at <= (address + bytes - 1) >> 14; at++) {
    places.insert(at);
  }
}

std::size_t Common(const Places& some, const Places& others) {
  std::size_t count = 0;
  for (const std::uintptr_t place : some) count += others.contains(place);
  return count;
}

constexpr std::size_t kBytes = std::size_t{1} << 20;

// Where objects of so many bytes in all are made, to be garbage at once.
template <class T>
Places PlacesOf(std::size_t bytes = kBytes) {
  return NoInline([&] {
    Places places;
    for (std::size_t i = 0; i < bytes / sizeof(T); i++) Add(places, Make<T>(), sizeof(T));
    return places;
  });
}
template <class T>
Places PlacesOfArrays(std::size_t length, std::size_t bytes = kBytes) {
  return NoInline([&] {
    Places places;
    for (std::size_t i = 0; i < bytes / (length * sizeof(T)); i++) {
      Array<T>* const array = MakeArray<T>(length);
      Add(places, array, array->end() - reinterpret_cast<T*>(array));
    }
    return places;
  });
}

constexpr std::size_t kBlock = std::size_t{16} << 10;

class MemoryKindTest : public HeapTest {
 public:
  // Memory of one kind dies. Objects of another, of four times the size, find none of it; objects
  // of the first find much of it.
  template <class First, class Second>
  void ExpectKeptApart(First&& first, Second&& second) {
    const Places dead = first(kBytes);
    CollectPrecisely();
    EXPECT_EQ(Common(dead, second(4 * kBytes)), 0u);
    EXPECT_GE(Common(dead, first(kBytes)), dead.size() / 4 * 3);
  }
};

template <class T>
Places Objects(std::size_t bytes) {
  return PlacesOf<T>(bytes);
}
template <class T, std::size_t kLength>
Places Arrays(std::size_t bytes) {
  return PlacesOfArrays<T>(kLength, bytes);
}

TEST_F(MemoryKindTest, SmallObjectsOfTwoTypes) { ExpectKeptApart(Objects<Node>, Objects<Like>); }

TEST_F(MemoryKindTest, SmallObjectsWithADestructor) {
  ExpectKeptApart(Objects<Text>, Objects<Node>);
  ExpectKeptApart(Objects<Like>, Objects<Text>);
}

TEST_F(MemoryKindTest, SmallArraysOfTwoSizes) {
  ExpectKeptApart(Arrays<char, 100>, Arrays<char, 1000>);
  ExpectKeptApart(Arrays<std::int64_t, 900>, Arrays<std::int64_t, 10>);
}

TEST_F(MemoryKindTest, LargeObjectsOfTwoTypes) {
  ExpectKeptApart(Arrays<char, 3 * kBlock - 64>, Arrays<Member<Node>, 3 * kBlock / 8 - 8>);
  ExpectKeptApart(Objects<LargeText>, Arrays<std::int16_t, 3 * kBlock / 2 - 8>);
}

TEST_F(MemoryKindTest, LargeArraysOfTwoSizes) {
  ExpectKeptApart(Arrays<char, 4 * kBlock - 64>, Arrays<char, 2 * kBlock - 64>);
  ExpectKeptApart(Arrays<std::int32_t, kBlock / 2>, Arrays<std::int32_t, 2 * kBlock>);
}

TEST_F(MemoryKindTest, LargeAndSmall) {
  ExpectKeptApart(Arrays<char, 3 * kBlock - 64>, Objects<Node>);
  ExpectKeptApart(Objects<Like>, Arrays<char, 3 * kBlock - 64>);
  ExpectKeptApart(Arrays<std::int64_t, 10'000>, Arrays<std::int64_t, 10>);
}

// What a mutator gives up as it detaches stays its kind's too.
TEST_F(MemoryKindTest, OfAMutatorThatHasDetached) {
  Places dead;
  std::thread([&] {
    const Mutator guest(heap());
    dead = PlacesOf<Node>();
    dead.merge(PlacesOf<Node>(64));  // leaves the last block unfinished
  }).join();
  EXPECT_EQ(Common(dead, PlacesOf<Like>(4 * kBytes)), 0u);
  CollectPrecisely();
  EXPECT_EQ(Common(dead, PlacesOf<Like>(4 * kBytes)), 0u);
}

// One of a block's objects lives through a cycle: the block is freed by the next, and kept apart
// from then on.
TEST_F(MemoryKindTest, ABlockThatEmptiesLater) {
  std::vector<Persistent<Node>> some;
  Places dead;
  NoInline([&] {
    for (int i = 0; i < 20'000; i++) {
      Node* const node = Make<Node>();
      Add(dead, node, sizeof(Node));
      if (i % 100 == 0 || i >= 19'900) some.emplace_back(node);
    }
  });
  CollectPrecisely();
  EXPECT_EQ(Common(dead, PlacesOf<Like>()), 0u);
  some.clear();
  CollectPrecisely();
  EXPECT_EQ(Common(dead, PlacesOf<Like>(4 * kBytes)), 0u);
}

// After one more cycle the memory is everybody's, and nothing beyond it is needed.
TEST_F(MemoryKindTest, EverybodysAfterAnotherCycle) {
  const auto expect_shared = [&](auto&& first, auto&& second) {
    CollectPrecisely();
    CollectPrecisely();
    const Places dead = first(kBytes);
    CollectPrecisely();
    CollectPrecisely();
    EXPECT_GE(Common(dead, second(4 * kBytes)), dead.size() / 4 * 3);
  };
  expect_shared(Objects<Node>, Objects<Like>);
  expect_shared(Objects<Text>, Arrays<char, 4 * kBlock - 64>);
  expect_shared(Arrays<char, 4 * kBlock - 64>, Objects<Text>);
  expect_shared(Arrays<char, 3 * kBlock - 64>, Arrays<char, 6 * kBlock - 64>);
}

// A word that names a dead object's cell keeps nothing alive while the cell is held back.
TEST_F(MemoryKindTest, AWordThatNamesHeldMemoryKeepsNothing) {
  std::vector<std::uintptr_t> words;
  NoInline([&] {
    for (int i = 0; i < 1000; i++) words.push_back(reinterpret_cast<std::uintptr_t>(Make<Text>()));
    for (int i = 0; i < 10; i++) {
      words.push_back(reinterpret_cast<std::uintptr_t>(MakeArray<char>(100'000)) + 50'000);
    }
  });
  CollectPrecisely();
  std::array<volatile std::uintptr_t, 1010> stale;
  for (std::size_t i = 0; i < stale.size(); i++) stale[i] = words[i];
  for (int i = 0; i < 3; i++) {
    heap().Collect();
    EXPECT_EQ(heap().Stats().live_bytes, 0u);
    EXPECT_EQ(heap().Stats().heap_bytes, 0u);
  }
  EXPECT_NE(stale[0], stale[1]);
}

// Each type finds its own memory, so that programs of several types take no more for it.
TEST_F(MemoryKindTest, SeveralTypesEachFindTheirOwn) {
  const auto make = [] {
    Places all = PlacesOf<Node>();
    all.merge(PlacesOf<Like>());
    all.merge(PlacesOf<Text>());
    all.merge(PlacesOfArrays<char>(3 * kBlock - 64));
    all.merge(PlacesOfArrays<char>(100));
    return all;
  };
  Places places = make();
  const std::size_t first = places.size();
  for (int i = 0; i < 5; i++) {
    CollectPrecisely();
    places.merge(make());
  }
  EXPECT_LE(places.size(), first + first / 4);
}

constexpr std::size_t kLimit = std::size_t{8} << 20;

class MemoryKindLimitTest : public HeapTest {
 protected:
  // Without the stack's words, one of which may name what has been dropped, however large it is.
  MemoryKindLimitTest() : HeapTest({.max_heap_bytes = kLimit, .conservative_stacks = false}) {}

  template <class T>
  static void FillWithGarbage() {
    NoInline([] {
      std::vector<Persistent<T>> objects;
      try {
        while (true) objects.emplace_back(Make<T>());
      } catch (const std::bad_alloc&) {
      }
    });
  }
};

// At the limit another kind waits for the cycle that it needs.
TEST_F(MemoryKindLimitTest, GarbageOfAnotherKindIsRoom) {
  for (int round = 0; round < 3; round++) {
    FillWithGarbage<Node>();
    EXPECT_NO_THROW(NoInline([] { MakeArray<char>(kLimit / 8 * 7); }));
    FillWithGarbage<Text>();
    EXPECT_NO_THROW(NoInline([] { MakeArray<Member<Node>>(kLimit / 64); }));
    EXPECT_NO_THROW(PlacesOf<Like>(2 * kLimit));
    FillWithGarbage<LargeText>();
    EXPECT_NO_THROW(PlacesOf<Node>(2 * kLimit));
  }
}

// Blocks and what is held back together stay within the limit, but for gaps where no span fits.
TEST_F(MemoryKindLimitTest, HeldMemoryCountsTowardsTheLimit) {
  Places places = PlacesOf<Node>(2 * kLimit);
  places.merge(PlacesOf<Like>(2 * kLimit));
  places.merge(PlacesOf<Text>(2 * kLimit));
  places.merge(PlacesOfArrays<char>(3 * kBlock - 64, 2 * kLimit));
  places.merge(PlacesOf<Node>(2 * kLimit));
  EXPECT_LE(places.size(), kLimit / kBlock / 4 * 5);
}

// Tables wait for one cycle only, and may use the room of what it has held back.
TEST_F(MemoryKindLimitTest, GarbageIsRoomForAWeakMap) {
  std::vector<Persistent<Node>> keys;
  for (int i = 0; i < 20'000; i++) keys.emplace_back(Make<Node>());
  const Persistent<WeakMap<Node, int>> map = Make<WeakMap<Node, int>>();
  FillWithGarbage<Text>();
  EXPECT_NO_THROW({
    for (std::size_t i = 0; i < keys.size(); i++) {
      ASSERT_TRUE(map->Set(keys[i], static_cast<int>(i)).ok());
    }
  });
  for (std::size_t i = 0; i < keys.size(); i++) {
    ASSERT_EQ(map->Get(keys[i]), static_cast<int>(i));
  }
}

TEST_F(MemoryKindLimitTest, GarbageIsRoomForRecords) {
  std::vector<Persistent<Node>> targets;
  for (int i = 0; i < 20'000; i++) targets.emplace_back(Make<Node>());
  const Persistent<FinalizationRegistry<int>> registry =
      Make<FinalizationRegistry<int>>([](int) {});
  FillWithGarbage<Text>();
  EXPECT_NO_THROW({
    for (const auto& target : targets) EXPECT_TRUE(registry->Register(target, 1).ok());
  });
}

}  // namespace
}  // namespace elegy::test
