// WeakSet: the truth tables of its operations, and large sets.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "elegy/elegy.h"
#include "tests/conformance/fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

class WeakSetConformance : public ConformanceTest {
 public:
  WeakSetConformance() : set(Make<WeakSet<Node>>()), key(NewNode()), other(NewNode()) {}

  Persistent<WeakSet<Node>> set;
  const Persistent<Node> key, other;
};

TEST_F(WeakSetConformance, D1_IsEmptyAndThenHasWhatWasAdded) {
  EXPECT_FALSE(set->Has(key));
  const std::vector<Persistent<Node>> keys = {key, other, key, NewNode()};
  for (const auto& each : keys) ASSERT_TRUE(set->Add(each).ok());
  for (const auto& each : keys) EXPECT_TRUE(set->Has(each));
  EXPECT_FALSE(set->Has(NewNode()));
}

TEST_F(WeakSetConformance, D2_AddingTwiceIsAddingOnce) {
  EXPECT_TRUE(set->Add(key).ok());
  EXPECT_TRUE(set->Add(key).ok());
  EXPECT_TRUE(set->Delete(key));
  EXPECT_FALSE(set->Has(key));
  EXPECT_FALSE(set->Delete(key));
}

TEST_F(WeakSetConformance, D3_NullIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(set->Add(nullptr)));
  EXPECT_FALSE(set->Has(nullptr));
}

TEST_F(WeakSetConformance, D4_HasAndDeleteAnswerForWhateverKey) {
  ASSERT_TRUE(set->Add(key).ok());
  EXPECT_TRUE(set->Has(key));
  EXPECT_FALSE(set->Has(other));
  EXPECT_FALSE(set->Has(nullptr));
  EXPECT_FALSE(set->Delete(other));
  EXPECT_FALSE(set->Delete(nullptr));
  EXPECT_TRUE(set->Delete(key));
  EXPECT_FALSE(set->Has(key));
}

// Were the whole set looked at for each new object, ctest's time limit would end this.
TEST_F(WeakSetConformance, I29_HundredsOfThousandsOfAddsUnderManyCycles) {
  const std::size_t adds = Scaled(200'000);
  std::vector<Persistent<Node>> kept;
  for (std::size_t i = 0; i < adds; i++) {
    Node* const node = Make<Node>();
    ASSERT_TRUE(set->Add(node).ok());
    if (i % 100 == 0) kept.emplace_back(node);
    if (i % (adds / 50 + 1) == 0) CollectPrecisely();
  }
  CollectPrecisely();
  for (const auto& each : kept) ASSERT_TRUE(set->Has(each));
  EXPECT_EQ(heap().Stats().cells_cleared, adds - kept.size());
}

TEST_F(WeakSetConformance, J2_AHugeTableOfDeadKeysIsGoneAfterOneCycle) {
  const std::size_t keys = Scaled(100'000);
  const Persistent map(Make<WeakMap<Node, int>>());
  CollectPrecisely();
  const std::uint64_t before = heap().Stats().heap_bytes;
  for (std::size_t i = 0; i < keys; i++) {
    Node* const node = Make<Node>();
    ASSERT_TRUE(set->Add(node).ok());
    ASSERT_TRUE(map->Set(node, 1).ok());
  }
  const std::uint64_t full = heap().Stats().heap_bytes;
  const std::uint64_t cleared = heap().Stats().cells_cleared;
  CollectPrecisely();
  EXPECT_EQ(heap().Stats().cells_cleared - cleared, 2 * keys);
  EXPECT_LT(heap().Stats().heap_bytes - before, (full - before) / 2);
}

}  // namespace
}  // namespace elegy::test
