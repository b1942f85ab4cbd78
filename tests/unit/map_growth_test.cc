// Large weak maps: growth, holes, shrinking, and the memory that they take.

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <random>
#include <unordered_map>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

struct Node {
  int value = 0;
};

constexpr int kMany = 100'000;

class MapGrowthTest : public HeapTest {
 public:
  MapGrowthTest() : map(Make<WeakMap<Node, int>>()), keys(MakeArray<Member<Node>>(kMany)) {
    for (int i = 0; i < kMany; i++) (*keys)[i] = Make<Node>(i);
  }

  Node* Key(int i) { return (*keys)[i]; }
  void SetAll() {
    for (int i = 0; i < kMany; i++) ASSERT_TRUE(map->Set(Key(i), i).ok()) << i;
  }
  std::uint64_t HeapBytes() { return heap().Stats().heap_bytes; }

  const Persistent<WeakMap<Node, int>> map;
  const Persistent<Array<Member<Node>>> keys;
};

TEST_F(MapGrowthTest, EveryEntryIsFoundWhileItGrows) {
  for (int i = 0; i < kMany; i++) {
    ASSERT_TRUE(map->Set(Key(i), i).ok());
    ASSERT_EQ(map->Get(Key(i / 2)), i / 2);
    if (i + 1 < kMany) {
      ASSERT_FALSE(map->Has(Key(i + 1)));
    }
  }
  for (int i = 0; i < kMany; i++) ASSERT_EQ(map->Get(Key(i)), i);
}

TEST_F(MapGrowthTest, EntriesSurviveCycles) {
  SetAll();
  for (int i = 0; i < 3; i++) CollectPrecisely();
  for (int i = 0; i < kMany; i++) ASSERT_EQ(map->Get(Key(i)), i);
}

TEST_F(MapGrowthTest, DyingKeysLeaveTheOthersAlone) {
  SetAll();
  for (int i = 0; i < kMany; i++) {
    if (i % 10 != 0) (*keys)[i] = nullptr;
  }
  CollectPrecisely();
  for (int i = 0; i < kMany; i += 10) ASSERT_EQ(map->Get(Key(i)), i);
  // Room for new ones, where the old ones were.
  for (int i = 0; i < kMany; i++) {
    if (i % 10 == 0) continue;
    (*keys)[i] = Make<Node>(i);
    ASSERT_FALSE(map->Has(Key(i)));
    ASSERT_TRUE(map->Set(Key(i), -i).ok());
  }
  for (int i = 0; i < kMany; i++) ASSERT_EQ(map->Get(Key(i)), i % 10 == 0 ? i : -i);
}

TEST_F(MapGrowthTest, GivesMemoryBackWhenItsKeysDie) {
  const std::uint64_t empty = HeapBytes();
  SetAll();
  const std::uint64_t full = HeapBytes();
  EXPECT_GT(full, empty);
  const Persistent<WeakMap<Node, int>> other(Make<WeakMap<Node, int>>());
  NoInline([&] {
    for (int i = 0; i < kMany; i++) ASSERT_TRUE(other->Set(Make<Node>(i), i).ok());
  });
  EXPECT_GT(HeapBytes(), full);
  CollectPrecisely();
  EXPECT_LE(HeapBytes(), full + (full - empty) / 4);
}

TEST_F(MapGrowthTest, DiesWithAllItsMemory) {
  CollectPrecisely();
  const std::uint64_t before = HeapBytes();
  NoInline([&] {
    auto* const temporary = Make<WeakMap<Node, int>>();
    for (int i = 0; i < kMany; i++) ASSERT_TRUE(temporary->Set(Key(i), i).ok());
  });
  EXPECT_GT(HeapBytes(), before);
  CollectPrecisely();
  EXPECT_LE(HeapBytes(), before);
}

TEST_F(MapGrowthTest, SetAndDeleteInTurnDoesNotGrow) {
  for (int i = 0; i < 1000; i++) ASSERT_TRUE(map->Set(Key(i), i).ok());
  for (int i = 1000; i < 5000; i++) {
    ASSERT_TRUE(map->Set(Key(i), i).ok());
    ASSERT_TRUE(map->Delete(Key(i - 1000)));
  }
  const std::uint64_t before = HeapBytes();
  for (int i = 5000; i < kMany; i++) {
    ASSERT_TRUE(map->Set(Key(i), i).ok());
    ASSERT_TRUE(map->Delete(Key(i - 1000)));
  }
  EXPECT_EQ(HeapBytes(), before);
  for (int i = 0; i < kMany; i++) ASSERT_EQ(map->Has(Key(i)), i >= kMany - 1000);
}

TEST_F(MapGrowthTest, SettingPresentKeysDoesNotGrow) {
  SetAll();
  const std::uint64_t before = HeapBytes();
  for (int round = 1; round <= 5; round++) {
    for (int i = 0; i < kMany; i++) ASSERT_TRUE(map->Set(Key(i), round * i).ok());
  }
  EXPECT_EQ(HeapBytes(), before);
  for (int i = 0; i < kMany; i++) ASSERT_EQ(map->Get(Key(i)), 5 * i);
}

TEST_F(MapGrowthTest, EmptiedByDeletionsIsUsedAgain) {
  for (int round = 0; round < 3; round++) {
    SetAll();
    for (int i = kMany - 1; i >= 0; i--) ASSERT_TRUE(map->Delete(Key(i)));
    for (int i = 0; i < kMany; i++) ASSERT_FALSE(map->Has(Key(i)));
    CollectPrecisely();
  }
}

// Against a map that keeps its keys: random operations, keys that die, cycles in between.
TEST_F(MapGrowthTest, AgreesWithAReferenceUnderRandomOperations) {
  constexpr int kKeys = 500;
  constexpr int kOperations = 40'000;
  std::minstd_rand random(7);
  const auto below = [&](int limit) { return static_cast<int>(random() % limit); };
  std::unordered_map<int, int> reference;
  for (int operation = 0; operation < kOperations; operation++) {
    const int i = below(kKeys);
    const auto found = reference.find(i);
    switch (below(8)) {
      case 0:
      case 1:
      case 2:
        ASSERT_TRUE(map->Set(Key(i), operation).ok());
        reference[i] = operation;
        break;
      case 3:
        ASSERT_EQ(map->Delete(Key(i)), reference.erase(i) == 1);
        break;
      case 4:
        ASSERT_EQ(*map->GetOrInsert(Key(i), operation),
                  reference.try_emplace(i, operation).first->second);
        break;
      case 5:
        (*keys)[i] = Make<Node>(i);  // the old key dies
        reference.erase(i);
        break;
      case 6:
        ASSERT_EQ(map->Has(Key(i)), found != reference.end());
        break;
      default:
        ASSERT_EQ(map->Get(Key(i)),
                  found == reference.end() ? std::nullopt : std::optional(found->second));
    }
    if (operation % 2500 == 0) CollectPrecisely();
  }
  CollectPrecisely();
  for (int i = 0; i < kKeys; i++) {
    const auto found = reference.find(i);
    ASSERT_EQ(map->Get(Key(i)),
              found == reference.end() ? std::nullopt : std::optional(found->second));
  }
}

TEST_F(MapGrowthTest, ManySmallMaps) {
  constexpr int kMaps = 3000;
  const Persistent<Array<Member<WeakMap<Node, int>>>> maps(
      MakeArray<Member<WeakMap<Node, int>>>(kMaps));
  for (int i = 0; i < kMaps; i++) {
    (*maps)[i] = Make<WeakMap<Node, int>>();
    for (int j = 0; j < 10; j++) ASSERT_TRUE((*maps)[i]->Set(Key(i + j), i * j).ok());
  }
  for (int i = 0; i < kMaps; i += 2) (*maps)[i] = nullptr;
  for (int i = 0; i < kMany; i += 3) (*keys)[i] = nullptr;
  CollectPrecisely();
  for (int i = 1; i < kMaps; i += 2) {
    for (int j = 0; j < 10; j++) {
      if ((i + j) % 3 != 0) {
        ASSERT_EQ((*maps)[i]->Get(Key(i + j)), i * j);
      }
    }
  }
}

}  // namespace
}  // namespace elegy::test
