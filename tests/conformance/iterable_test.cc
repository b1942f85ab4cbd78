// IterableWeakMap: walking a weak table while it changes and while cycles run.

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "elegy/elegy.h"
#include "tests/conformance/fixture.h"

namespace elegy::test {
namespace {

class IterableConformance : public ConformanceTest {};

TEST_F(IterableConformance, H12_EntriesDoNotVanishUnderAWalkAndAreVisitedOnce) {
  constexpr int kEntries = 100;
  const Persistent map(Make<IterableWeakMap<Node, Member<Node>>>());
  std::vector<Persistent<Node>> living;
  for (int i = 0; i < kEntries; i++) {
    const auto key = NewNode(i);
    ASSERT_TRUE(map->Set(key, Make<Node>(i)).ok());
    if (i % 2 == 0) living.push_back(key);
  }
  std::map<int, int> visits;
  map->ForEach([&](Node* key_pointer, Node* value_pointer) {
    const Persistent key(key_pointer);
    const Persistent value(value_pointer);
    CollectPrecisely();
    EXPECT_EQ(key->value, value->value);
    visits[key->value]++;
    ASSERT_TRUE(map->Set(key, value.get()).ok());  // Keeps its place.
  });
  for (const auto& key : living) EXPECT_EQ(visits[key->value], 1);
  EXPECT_EQ(visits.size(), living.size());
  EXPECT_EQ(map->size(), living.size());
}

}  // namespace
}  // namespace elegy::test
