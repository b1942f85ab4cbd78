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

// Of entries that stand in the order of their keys' hashes, and in that of their insertion.
template <class M>
class MapGrowthTest : public HeapTest {
 public:
  using Map = M;

  MapGrowthTest() : map(Make<Map>()), keys(MakeArray<Member<Node>>(kMany)) {
    for (int i = 0; i < kMany; i++) (*keys)[i] = Make<Node>(i);
  }

  Node* Key(int i) { return (*keys)[i]; }
  void SetAll() {
    for (int i = 0; i < kMany; i++) ASSERT_TRUE(map->Set(Key(i), i).ok()) << i;
  }
  std::uint64_t HeapBytes() { return heap().Stats().heap_bytes; }

  const Persistent<Map> map;
  const Persistent<Array<Member<Node>>> keys;
};

using Maps = ::testing::Types<WeakMap<Node, int>, IterableWeakMap<Node, int>>;
TYPED_TEST_SUITE(MapGrowthTest, Maps, );

TYPED_TEST(MapGrowthTest, EveryEntryIsFoundWhileItGrows) {
  for (int i = 0; i < kMany; i++) {
    ASSERT_TRUE(this->map->Set(this->Key(i), i).ok());
    ASSERT_EQ(this->map->Get(this->Key(i / 2)), i / 2);
    if (i + 1 < kMany) {
      ASSERT_FALSE(this->map->Has(this->Key(i + 1)));
    }
  }
  for (int i = 0; i < kMany; i++) ASSERT_EQ(this->map->Get(this->Key(i)), i);
}

TYPED_TEST(MapGrowthTest, EntriesSurviveCycles) {
  this->SetAll();
  for (int i = 0; i < 3; i++) this->CollectPrecisely();
  for (int i = 0; i < kMany; i++) ASSERT_EQ(this->map->Get(this->Key(i)), i);
}

TYPED_TEST(MapGrowthTest, DyingKeysLeaveTheOthersAlone) {
  this->SetAll();
  for (int i = 0; i < kMany; i++) {
    if (i % 10 != 0) (*this->keys)[i] = nullptr;
  }
  this->CollectPrecisely();
  for (int i = 0; i < kMany; i += 10) ASSERT_EQ(this->map->Get(this->Key(i)), i);
  // Room for new ones, where the old ones were.
  for (int i = 0; i < kMany; i++) {
    if (i % 10 == 0) continue;
    (*this->keys)[i] = Make<Node>(i);
    ASSERT_FALSE(this->map->Has(this->Key(i)));
    ASSERT_TRUE(this->map->Set(this->Key(i), -i).ok());
  }
  for (int i = 0; i < kMany; i++) ASSERT_EQ(this->map->Get(this->Key(i)), i % 10 == 0 ? i : -i);
}

TYPED_TEST(MapGrowthTest, GivesMemoryBackWhenItsKeysDie) {
  const std::uint64_t empty = this->HeapBytes();
  this->SetAll();
  const std::uint64_t full = this->HeapBytes();
  EXPECT_GT(full, empty);
  const Persistent<typename TestFixture::Map> other(Make<typename TestFixture::Map>());
  NoInline([&] {
    for (int i = 0; i < kMany; i++) ASSERT_TRUE(other->Set(Make<Node>(i), i).ok());
  });
  EXPECT_GT(this->HeapBytes(), full);
  this->CollectPrecisely();
  EXPECT_LE(this->HeapBytes(), full + (full - empty) / 4);
}

TYPED_TEST(MapGrowthTest, DiesWithAllItsMemory) {
  this->CollectPrecisely();
  const std::uint64_t before = this->HeapBytes();
  NoInline([&] {
    auto* const temporary = Make<typename TestFixture::Map>();
    for (int i = 0; i < kMany; i++) ASSERT_TRUE(temporary->Set(this->Key(i), i).ok());
  });
  EXPECT_GT(this->HeapBytes(), before);
  this->CollectPrecisely();
  EXPECT_LE(this->HeapBytes(), before);
}

TYPED_TEST(MapGrowthTest, SetAndDeleteInTurnDoesNotGrow) {
  for (int i = 0; i < 1000; i++) ASSERT_TRUE(this->map->Set(this->Key(i), i).ok());
  for (int i = 1000; i < 5000; i++) {
    ASSERT_TRUE(this->map->Set(this->Key(i), i).ok());
    ASSERT_TRUE(this->map->Delete(this->Key(i - 1000)));
  }
  const std::uint64_t before = this->HeapBytes();
  for (int i = 5000; i < kMany; i++) {
    ASSERT_TRUE(this->map->Set(this->Key(i), i).ok());
    ASSERT_TRUE(this->map->Delete(this->Key(i - 1000)));
  }
  EXPECT_EQ(this->HeapBytes(), before);
  for (int i = 0; i < kMany; i++) ASSERT_EQ(this->map->Has(this->Key(i)), i >= kMany - 1000);
}

TYPED_TEST(MapGrowthTest, SettingPresentKeysDoesNotGrow) {
  this->SetAll();
  const std::uint64_t before = this->HeapBytes();
  for (int round = 1; round <= 5; round++) {
    for (int i = 0; i < kMany; i++) ASSERT_TRUE(this->map->Set(this->Key(i), round * i).ok());
  }
  EXPECT_EQ(this->HeapBytes(), before);
  for (int i = 0; i < kMany; i++) ASSERT_EQ(this->map->Get(this->Key(i)), 5 * i);
}

TYPED_TEST(MapGrowthTest, EmptiedByDeletionsIsUsedAgain) {
  for (int round = 0; round < 3; round++) {
    this->SetAll();
    for (int i = kMany - 1; i >= 0; i--) ASSERT_TRUE(this->map->Delete(this->Key(i)));
    for (int i = 0; i < kMany; i++) ASSERT_FALSE(this->map->Has(this->Key(i)));
    this->CollectPrecisely();
  }
}

// Against a map that keeps its keys: random operations, keys that die, cycles in between.
TYPED_TEST(MapGrowthTest, AgreesWithAReferenceUnderRandomOperations) {
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
        ASSERT_TRUE(this->map->Set(this->Key(i), operation).ok());
        reference[i] = operation;
        break;
      case 3:
        ASSERT_EQ(this->map->Delete(this->Key(i)), reference.erase(i) == 1);
        break;
      case 4:
        ASSERT_EQ(*this->map->GetOrInsert(this->Key(i), operation),
                  reference.try_emplace(i, operation).first->second);
        break;
      case 5:
        (*this->keys)[i] = Make<Node>(i);  // the old key dies
        reference.erase(i);
        break;
      case 6:
        ASSERT_EQ(this->map->Has(this->Key(i)), found != reference.end());
        break;
      default:
        ASSERT_EQ(this->map->Get(this->Key(i)),
                  found == reference.end() ? std::nullopt : std::optional(found->second));
    }
    if (operation % 2500 == 0) this->CollectPrecisely();
  }
  this->CollectPrecisely();
  for (int i = 0; i < kKeys; i++) {
    const auto found = reference.find(i);
    ASSERT_EQ(this->map->Get(this->Key(i)),
              found == reference.end() ? std::nullopt : std::optional(found->second));
  }
}

TYPED_TEST(MapGrowthTest, ManySmallMaps) {
  constexpr int kMaps = 3000;
  const Persistent<Array<Member<typename TestFixture::Map>>> maps(
      MakeArray<Member<typename TestFixture::Map>>(kMaps));
  for (int i = 0; i < kMaps; i++) {
    (*maps)[i] = Make<typename TestFixture::Map>();
    for (int j = 0; j < 10; j++) ASSERT_TRUE((*maps)[i]->Set(this->Key(i + j), i * j).ok());
  }
  for (int i = 0; i < kMaps; i += 2) (*maps)[i] = nullptr;
  for (int i = 0; i < kMany; i += 3) (*this->keys)[i] = nullptr;
  this->CollectPrecisely();
  for (int i = 1; i < kMaps; i += 2) {
    for (int j = 0; j < 10; j++) {
      if ((i + j) % 3 != 0) {
        ASSERT_EQ((*maps)[i]->Get(this->Key(i + j)), i * j);
      }
    }
  }
}

}  // namespace
}  // namespace elegy::test
