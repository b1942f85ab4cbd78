// WeakMap: the truth tables of its operations.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "elegy/elegy.h"
#include "tests/conformance/fixture.h"

namespace elegy::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using NumberMap = WeakMap<Node, int>;
using NodeMap = WeakMap<Node, Member<Node>>;
using OrderedMap = IterableWeakMap<Node, int>;

class WeakMapConformance : public ConformanceTest {
 public:
  WeakMapConformance()
      : map(Make<NumberMap>()), objects(Make<NodeMap>()), key(NewNode()), other(NewNode()) {}

  const Persistent<NumberMap> map;
  const Persistent<NodeMap> objects;
  Persistent<Node> key, other;
};

TEST_F(WeakMapConformance, C1_ANewMapIsEmpty) {
  const Persistent ordered(Make<OrderedMap>());
  EXPECT_EQ(ordered->size(), 0u);
  int visited = 0;
  ordered->ForEach([&](Node*, int) { visited++; });
  EXPECT_EQ(visited, 0);
  EXPECT_FALSE(map->Has(key));
  EXPECT_EQ(map->Get(key), std::nullopt);
  EXPECT_EQ(objects->Get(key), nullptr);
}

TEST_F(WeakMapConformance, C2_EntriesAreInsertedInOrderAndTheLastOfAKeyCounts) {
  const Persistent ordered(Make<OrderedMap>());
  const std::vector<std::pair<Persistent<Node>, int>> entries = {
      {key, 1}, {other, 2}, {NewNode(), 3}, {key, 4}};
  for (const auto& [each, value] : entries) ASSERT_TRUE(ordered->Set(each, value).ok());
  std::vector<int> values;
  ordered->ForEach([&](Node*, int value) { values.push_back(value); });
  EXPECT_THAT(values, ElementsAre(4, 2, 3));
}

TEST_F(WeakMapConformance, C3_ABadKeyFailsAndEarlierEntriesStay) {
  const std::vector<std::pair<Persistent<Node>, int>> entries = {
      {key, 1}, {nullptr, 2}, {other, 3}};
  absl::Status status;
  for (const auto& [each, value] : entries) {
    status = map->Set(each, value);
    if (!status.ok()) break;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(map->Get(key), 1);
  EXPECT_FALSE(map->Has(other));
}

TEST_F(WeakMapConformance, C5_GetFindsTheValue) {
  ASSERT_TRUE(map->Set(key, 1).ok());
  ASSERT_TRUE(objects->Set(key, other.get()).ok());
  EXPECT_EQ(map->Get(key), 1);
  EXPECT_EQ(objects->Get(key), other.get());
  const Persistent by_number(Make<WeakMap<int, std::string>>());
  const Persistent number(Make<int>(5));
  ASSERT_TRUE(by_number->Set(number, "five").ok());
  EXPECT_EQ(by_number->Get(number), "five");
}

TEST_F(WeakMapConformance, C6_GetOfAnAbsentKeyFindsNothing) {
  ASSERT_TRUE(map->Set(key, 1).ok());
  EXPECT_EQ(map->Get(other), std::nullopt);
  ASSERT_TRUE(map->Delete(key));
  EXPECT_EQ(map->Get(key), std::nullopt);
}

TEST_F(WeakMapConformance, C7_GetOfNullIsAMissNotAnError) {
  ASSERT_TRUE(map->Set(key, 1).ok());
  EXPECT_EQ(map->Get(nullptr), std::nullopt);
  EXPECT_EQ(objects->Get(nullptr), nullptr);
}

TEST_F(WeakMapConformance, C8_HasTellsMembershipAndNullIsNone) {
  EXPECT_FALSE(map->Has(key));
  ASSERT_TRUE(map->Set(key, 1).ok());
  EXPECT_TRUE(map->Has(key));
  EXPECT_FALSE(map->Has(other));
  EXPECT_FALSE(map->Has(nullptr));
}

TEST_F(WeakMapConformance, C9_SetInserts) {
  EXPECT_TRUE(map->Set(key, 1).ok());
  EXPECT_TRUE(map->Has(key));
  EXPECT_EQ(map->Get(key), 1);
}

TEST_F(WeakMapConformance, C10_SettingAPresentKeyOverwritesAndFreesTheOldValue) {
  const Persistent ordered(Make<IterableWeakMap<Node, Member<Node>>>());
  const Persistent old(Make<WeakRef<Node>>(Make<Node>(1)));
  ASSERT_TRUE(ordered->Set(key, old->Deref()).ok());
  ASSERT_TRUE(ordered->Set(key, Make<Node>(2)).ok());
  EXPECT_EQ(ordered->size(), 1u);
  EXPECT_EQ(ordered->Get(key)->value, 2);
  CollectPrecisely();
  EXPECT_TRUE(old->IsCleared());
  EXPECT_EQ(ordered->Get(key)->value, 2);
}

TEST_F(WeakMapConformance, C11_SetOfNullIsAnError) {
  EXPECT_TRUE(absl::IsInvalidArgument(map->Set(nullptr, 1)));
  EXPECT_FALSE(map->Has(nullptr));
}

TEST_F(WeakMapConformance, C12_DeleteRemovesOnce) {
  ASSERT_TRUE(map->Set(key, 1).ok());
  ASSERT_TRUE(map->Set(other, 2).ok());
  EXPECT_TRUE(map->Delete(key));
  EXPECT_FALSE(map->Delete(key));
  EXPECT_FALSE(map->Has(key));
  EXPECT_EQ(map->Get(other), 2);
}

TEST_F(WeakMapConformance, C13_DeleteOfWhatIsNotThereIsNoError) {
  EXPECT_FALSE(map->Delete(key));
  EXPECT_FALSE(map->Delete(nullptr));
}

TEST_F(WeakMapConformance, C14_GetOrInsertInsertsOnlyWhatIsAbsent) {
  EXPECT_EQ(*map->GetOrInsert(key, 1), 1);
  EXPECT_EQ(*map->GetOrInsert(key, 2), 1);
  EXPECT_EQ(map->Get(key), 1);
  ASSERT_TRUE(objects->Set(key, nullptr).ok());
  EXPECT_EQ(*objects->GetOrInsert(key, other.get()), nullptr);  // An empty value is present.
  EXPECT_EQ(*objects->GetOrInsert(other, key.get()), key.get());
}

TEST_F(WeakMapConformance, C15_GetOrInsertOfNullIsAnError) {
  EXPECT_TRUE(absl::IsInvalidArgument(map->GetOrInsert(nullptr, 1).status()));
}

TEST_F(WeakMapConformance, C16_GetOrInsertComputedComputesWhatIsAbsent) {
  EXPECT_EQ(*map->GetOrInsertComputed(key, [](Node*) { return 1; }), 1);
  EXPECT_EQ(*map->GetOrInsertComputed(key, [](Node*) { return 2; }), 1);
  EXPECT_EQ(*map->GetOrInsertComputed(other, [](Node*) { return 3; }), 3);
  EXPECT_EQ(map->Get(key), 1);
  EXPECT_EQ(map->Get(other), 3);
}

TEST_F(WeakMapConformance, C17_TheFunctionIsCalledOnceOnAMissAndNeverOnAHit) {
  int computed = 0;
  const auto compute = [&](Node*) { return ++computed; };
  ASSERT_TRUE(map->GetOrInsertComputed(key, compute).ok());
  EXPECT_EQ(computed, 1);
  ASSERT_TRUE(map->GetOrInsertComputed(key, compute).ok());
  EXPECT_EQ(computed, 1);
  const auto fail = [&](Node*) -> int {
    computed++;
    throw std::runtime_error("no value");
  };
  EXPECT_THROW((void)map->GetOrInsertComputed(other, fail), std::runtime_error);
  EXPECT_EQ(computed, 2);
}

TEST_F(WeakMapConformance, C18_TheFunctionGetsTheKey) {
  std::vector<Node*> given;
  const auto compute = [&](Node* each) {
    given.push_back(each);
    return 1;
  };
  ASSERT_TRUE(map->GetOrInsertComputed(key, compute).ok());
  EXPECT_THAT(given, ElementsAre(key.get()));
}

TEST_F(WeakMapConformance, C19_ItsFailureInsertsNothingAndItsOtherChangesStay) {
  const auto fail = [&](Node*) -> absl::StatusOr<int> {
    EXPECT_TRUE(map->Set(other, 5).ok());
    return absl::UnavailableError("not now");
  };
  EXPECT_TRUE(absl::IsUnavailable(map->GetOrInsertComputed(key, fail).status()));
  EXPECT_FALSE(map->Has(key));
  EXPECT_EQ(map->Get(other), 5);
  const auto throws = [&](Node*) -> int {
    EXPECT_TRUE(map->Set(other, 6).ok());
    throw std::runtime_error("no value");
  };
  EXPECT_THROW((void)map->GetOrInsertComputed(key, throws), std::runtime_error);
  EXPECT_FALSE(map->Has(key));
  EXPECT_EQ(map->Get(other), 6);
}

TEST_F(WeakMapConformance, C20_WhatTheFunctionSetForTheKeyIsOverwritten) {
  const auto compute = [&](Node* each) {
    EXPECT_TRUE(map->Set(each, 1).ok());
    return 2;
  };
  EXPECT_EQ(*map->GetOrInsertComputed(key, compute), 2);
  EXPECT_EQ(map->Get(key), 2);
}

TEST_F(WeakMapConformance, C21_ABadKeyIsRefusedBeforeTheFunctionRuns) {
  bool called = false;
  const auto compute = [&](Node*) { return called = true, 1; };
  EXPECT_TRUE(absl::IsInvalidArgument(map->GetOrInsertComputed(nullptr, compute).status()));
  EXPECT_FALSE(called);
}

template <class M>
concept HasSize = requires(const M& map) {
  map.size();
};
template <class M>
concept HasBegin = requires(M& map) {
  map.begin();
};
template <class M>
concept HasClear = requires(M& map) {
  map.Clear();
};
template <class M>
concept HasForEach = requires(const M& map) {
  map.ForEach([](auto&&...) {});
};

TEST_F(WeakMapConformance, C23_AWeakMapCannotBeCountedOrWalked) {
  static_assert(!HasSize<NumberMap> && !HasBegin<NumberMap>);
  static_assert(!HasClear<NumberMap> && !HasForEach<NumberMap>);
  static_assert(!HasSize<WeakSet<Node>> && !HasBegin<WeakSet<Node>>);
  static_assert(!HasClear<WeakSet<Node>> && !HasForEach<WeakSet<Node>>);
  static_assert(HasSize<OrderedMap> && HasClear<OrderedMap> && HasForEach<OrderedMap>);
}

TEST_F(WeakMapConformance, E11_AMapWorksAcrossThreeCycles) {
  std::vector<Persistent<Node>> keys;
  for (int i = 0; i < 100; i++) {
    keys.push_back(NewNode(i));
    ASSERT_TRUE(map->Set(keys.back(), i).ok());
  }
  for (int cycle = 0; cycle < 3; cycle++) {
    const std::size_t dead = keys.size() / 2;
    const std::uint64_t before = heap().Stats().cells_cleared;
    keys.erase(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(dead));
    CollectPrecisely();
    for (const auto& each : keys) ASSERT_EQ(map->Get(each), each->value);
    EXPECT_EQ(heap().Stats().cells_cleared - before, dead);
    // What is new in the place of a dead key has no entry.
    for (int i = 0; i < 100; i++) ASSERT_FALSE(map->Has(Make<Node>()));
  }
  EXPECT_EQ(map->Get(nullptr), std::nullopt);
  ASSERT_TRUE(objects->Set(key, {}).ok());
  EXPECT_TRUE(objects->Has(key));
  EXPECT_EQ(objects->Get(key), nullptr);
}

TEST_F(WeakMapConformance, E13_KeysMayBeOfAnyManagedType) {
  const Persistent by_ref(Make<WeakMap<WeakRef<Node>, int>>());
  Persistent ref(Make<WeakRef<Node>>(key));
  const Persistent immortal(Make<WeakRef<Node>>(key));
  ASSERT_TRUE(by_ref->Set(ref, 1).ok());
  ASSERT_TRUE(by_ref->Set(immortal, 2).ok());
  CollectPrecisely();
  EXPECT_EQ(by_ref->Get(ref), 1);
  EXPECT_EQ(by_ref->Get(immortal), 2);
  EXPECT_TRUE(absl::IsInvalidArgument(by_ref->Set(nullptr, 3)));
}

TEST_F(WeakMapConformance, J3_TheTruthTableHoldsBesideOtherMapsAndCycles) {
  std::map<Node*, int> reference;
  const Persistent second(Make<NumberMap>());
  ASSERT_TRUE(second->Set(key, 7).ok());
  for (int i = 0; i < 1000; i++) {
    EXPECT_EQ(map->Has(key), reference.contains(key));
    ASSERT_TRUE(map->Set(key, i).ok());
    reference[key] = -i;
    EXPECT_EQ(map->Get(key), i);
    EXPECT_EQ(second->Get(key), 7);
    EXPECT_EQ(reference[key], -i);
    if (i % 100 == 0) Collect();
    EXPECT_EQ(map->Get(key), i);
    EXPECT_TRUE(map->Delete(key));
    EXPECT_EQ(map->Get(key), std::nullopt);
    EXPECT_EQ(second->Get(key), 7);
    reference.erase(key);
  }
}

TEST_F(WeakMapConformance, J5_TheFunctionMayGrowAndCollectTheMapUnderItself) {
  std::vector<Persistent<Node>> keys;
  const auto compute = [&](Node* each) {
    EXPECT_TRUE(map->Set(each, -1).ok());
    for (int i = 0; i < 5000; i++) {
      keys.push_back(NewNode());
      EXPECT_TRUE(map->Set(keys.back(), i).ok());
    }
    EXPECT_TRUE(map->Delete(each));
    for (int i = 0; i < 4000; i++) keys.pop_back();
    Collect();
    return 7;
  };
  EXPECT_EQ(*map->GetOrInsertComputed(key, compute), 7);
  EXPECT_EQ(map->Get(key), 7);
  for (std::size_t i = 0; i < keys.size(); i++) ASSERT_EQ(map->Get(keys[i]), static_cast<int>(i));
}

}  // namespace
}  // namespace elegy::test
