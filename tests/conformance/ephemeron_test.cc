// Entries of weak maps as ephemerons: a value lives while its map and its key live.

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "elegy/elegy.h"
#include "tests/conformance/fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using NodeMap = WeakMap<Node, Member<Node>>;
using NodeRef = WeakRef<Node>;

class EphemeronConformance : public ConformanceTest {
 public:
  explicit EphemeronConformance(HeapOptions options = {})
      : ConformanceTest(options), map(Make<NodeMap>()), key(NewNode()) {}

  // The head of a chain of that many entries, each value the next key.
  Persistent<Node> NewChain(int length) {
    Persistent<Node> head(NewNode(length));
    for (int i = length - 1; i >= 0; i--) {
      const auto previous = NewNode(i);
      EXPECT_TRUE(map->Set(previous, head.get()).ok());
      head = previous.get();
    }
    return head;
  }
  int LengthFrom(Node* node) const {
    int length = 0;
    while ((node = map->Get(node)) != nullptr) EXPECT_EQ(node->value, ++length);
    return length;
  }

  Persistent<NodeMap> map;
  Persistent<Node> key;
};

TEST_F(EphemeronConformance, E12_AChainOfAHundredThousandEntriesSurvives) {
  const int length = static_cast<int>(Scaled(99'999));
  auto head = NewChain(length);
  CollectPrecisely();
  EXPECT_EQ(LengthFrom(head), length);
  const std::uint64_t cleared = heap().Stats().cells_cleared;
  head = nullptr;
  CollectPrecisely();
  EXPECT_EQ(heap().Stats().cells_cleared - cleared, static_cast<std::uint64_t>(length));
}

class VerifiedEphemeronConformance : public EphemeronConformance {
 public:
  VerifiedEphemeronConformance() : EphemeronConformance({.verify = true}) {}
};

TEST_F(VerifiedEphemeronConformance, F34_ChainsAlsoThroughListsHoldBeforeTheVerifier) {
  constexpr int kLength = 200;
  auto head = NewChain(kLength);
  // Each value is a short list, whose last node is the next key.
  auto list_head = NewNode();
  Persistent<Node> from(list_head);
  for (int i = 0; i < kLength; i++) {
    const auto value = NewNode(i);
    value->next = Make<Node>();
    value->next->next = Make<Node>();
    ASSERT_TRUE(map->Set(from, value.get()).ok());
    from = value->next->next;
  }
  const Persistent end(Make<NodeRef>(from));
  from = nullptr;
  for (int i = 0; i < 3; i++) CollectPrecisely();
  EXPECT_EQ(LengthFrom(head), kLength);
  EXPECT_FALSE(end->IsCleared());
  list_head = nullptr;
  CollectPrecisely();
  EXPECT_TRUE(end->IsCleared());
  EXPECT_EQ(LengthFrom(head), kLength);
}

TEST_F(EphemeronConformance, G9_AChainLivesAndDiesAsOne) {
  auto head = NewChain(2);
  const Persistent end(Make<NodeRef>(map->Get(map->Get(head))));
  CollectPrecisely();
  EXPECT_EQ(LengthFrom(head), 2);
  head = nullptr;
  CollectPrecisely();
  EXPECT_TRUE(end->IsCleared());
  EXPECT_EQ(heap().Stats().cells_cleared, 3u);
}

TEST_F(EphemeronConformance, G10_AMapGivesMemoryBackAndLeavesNoTombstones) {
  constexpr int kEntries = 10'000;
  std::uint64_t peak = 0;
  CollectPrecisely();
  const std::uint64_t empty = heap().Stats().heap_bytes;
  for (int round = 0; round < 10; round++) {
    for (int i = 0; i < kEntries; i++) ASSERT_TRUE(map->Set(Make<Node>(), nullptr).ok());
    if (round == 0) peak = heap().Stats().heap_bytes;
    EXPECT_LE(heap().Stats().heap_bytes, peak + (peak - empty) / 4);
    CollectPrecisely();
  }
  EXPECT_LE(heap().Stats().heap_bytes, empty + (peak - empty) / 2);
}

TEST_F(EphemeronConformance, G11_YoungAndOldKeysAreFoundAfterEveryCycle) {
  std::vector<Persistent<Node>> keys;
  for (int age = 0; age < 10; age++) {
    for (int i = 0; i < 50; i++) {
      keys.push_back(NewNode(age * 100 + i));
      ASSERT_TRUE(map->Set(keys.back(), Make<Node>(-keys.back()->value)).ok());
    }
    CollectPrecisely();
    for (const auto& each : keys) ASSERT_EQ(map->Get(each)->value, -each->value);
  }
}

TEST_F(EphemeronConformance, G12_ValuesReachedOnlyThroughTheMapStayWhereTheyAre) {
  ASSERT_TRUE(map->Set(key, Make<Node>(1)).ok());
  const auto address = reinterpret_cast<std::uintptr_t>(map->Get(key));
  for (int i = 0; i < 5; i++) {
    for (int garbage = 0; garbage < 10'000; garbage++) Make<Node>(2);
    CollectPrecisely();
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(map->Get(key)), address);
    ASSERT_EQ(map->Get(key)->value, 1);
  }
}

TEST_F(EphemeronConformance, G14_TwoMapsThatLeadToEachOthersKeysDieInOneCycle) {
  const Persistent second(Make<NodeMap>());
  auto one = NewNode();
  auto two = NewNode();
  ASSERT_TRUE(map->Set(one, two.get()).ok());
  ASSERT_TRUE(second->Set(two, one.get()).ok());
  const Persistent ref_to_one(Make<NodeRef>(one));
  const Persistent ref_to_two(Make<NodeRef>(two));
  two = nullptr;
  CollectPrecisely();
  EXPECT_FALSE(ref_to_two->IsCleared());
  EndTurn();
  one = nullptr;
  Collect();
  EXPECT_TRUE(ref_to_one->IsCleared());
  EXPECT_TRUE(ref_to_two->IsCleared());
}

TEST_F(EphemeronConformance, H1_TheValueLivesExactlyWithItsKey) {
  auto doomed = NewNode();
  ASSERT_TRUE(map->Set(key, Make<Node>(1)).ok());
  ASSERT_TRUE(map->Set(doomed, Make<Node>(2)).ok());
  const Persistent kept(Make<NodeRef>(map->Get(key)));
  const Persistent freed(Make<NodeRef>(map->Get(doomed)));
  doomed = nullptr;
  CollectPrecisely();
  EXPECT_EQ(map->Get(key), kept->Deref());
  EXPECT_NE(kept->Deref(), nullptr);
  EXPECT_TRUE(freed->IsCleared());
}

struct MapFirst {
  Member<NodeMap> map;
  Member<Node> key;
};
struct KeyFirst {
  Member<Node> key;
  Member<NodeMap> map;
};

TEST_F(EphemeronConformance, H2_AKeyFoundLateStillKeepsItsValue) {
  ASSERT_TRUE(map->Set(key, Make<Node>(1)).ok());
  // A long way from the root to the key: the map is met long before.
  Persistent<Node> list;
  for (int i = 0; i < 10'000; i++) {
    const auto node = NewNode();
    node->next = list == nullptr ? key : list;
    list = node;
  }
  Node* const raw = key;
  key = nullptr;
  CollectPrecisely();
  EXPECT_EQ(map->Get(raw)->value, 1);
}

TEST_F(EphemeronConformance, H3_AnEmptyValueIsLegalAndAnEmptyKeyKeepsNothing) {
  EXPECT_TRUE(map->Set(key, nullptr).ok());
  const Persistent value(Make<NodeRef>(Make<Node>()));
  EXPECT_FALSE(map->Set(nullptr, value->Deref()).ok());
  CollectPrecisely();
  EXPECT_TRUE(map->Has(key));
  EXPECT_EQ(map->Get(key), nullptr);
  EXPECT_TRUE(value->IsCleared());
}

TEST_F(EphemeronConformance, H4_ADeadKeyTakesItsValueAlongInTheSameCycle) {
  const Persistent value(Make<NodeRef>(Make<Node>()));
  ASSERT_TRUE(map->Set(key, value->Deref()).ok());
  const Persistent ref(Make<NodeRef>(key));
  EndTurn();
  key = nullptr;
  Collect();
  EXPECT_TRUE(ref->IsCleared());
  EXPECT_TRUE(value->IsCleared());
}

struct First {
  virtual ~First() = default;
  int first = 1;
};
struct Second {
  virtual ~Second() = default;
  int second = 2;
};
struct Both final : First, Second {
  void Trace(Visitor&) const {}
};

TEST_F(EphemeronConformance, H5_ABaseClassPointerIsTheSameKey) {
  Persistent both(Make<Both>());
  const Persistent by_second(Make<WeakMap<Second, Member<Node>>>());
  Second* const part = both.get();
  ASSERT_NE(static_cast<void*>(part), static_cast<void*>(both.get()));
  ASSERT_TRUE(by_second->Set(part, Make<Node>(1)).ok());
  CollectPrecisely();
  EXPECT_EQ(by_second->Get(both.get())->value, 1);
  ASSERT_TRUE(by_second->Set(both.get(), nullptr).ok());
  EXPECT_EQ(by_second->Get(part), nullptr);
  const Persistent ref(Make<WeakRef<Second>>(part));
  EndTurn();
  both = nullptr;
  Collect();
  EXPECT_TRUE(ref->IsCleared());
}

struct PublishesItself {
  PublishesItself(Heap& heap, WeakMap<PublishesItself, Member<Node>>& map) {
    EXPECT_TRUE(map.Set(this, Make<Node>(4)).ok());
    heap.Collect(StackState::kNoPointers);
    EXPECT_EQ(map.Get(this)->value, 4);
  }
  void Trace(Visitor& visitor) const { visitor.Trace(slot); }
  Member<Node> slot;
};

TEST_F(EphemeronConformance, H6_AKeyUnderConstructionIsAlive) {
  const Persistent published(Make<WeakMap<PublishesItself, Member<Node>>>());
  const Persistent made(Make<PublishesItself>(heap(), *published));
  EXPECT_EQ(published->Get(made)->value, 4);
}

TEST_F(EphemeronConformance, H7_WhetherMapOrKeyIsTracedFirstTheValueLives) {
  const Persistent map_first(Make<MapFirst>());
  const Persistent key_first(Make<KeyFirst>());
  map_first->map = Make<NodeMap>();
  key_first->map = Make<NodeMap>();
  map_first->key = Make<Node>();
  key_first->key = Make<Node>();
  ASSERT_TRUE(map_first->map->Set(map_first->key, Make<Node>(1)).ok());
  ASSERT_TRUE(key_first->map->Set(key_first->key, Make<Node>(2)).ok());
  for (int i = 0; i < 3; i++) CollectPrecisely();
  EXPECT_EQ(map_first->map->Get(map_first->key)->value, 1);
  EXPECT_EQ(key_first->map->Get(key_first->key)->value, 2);
}

TEST_F(EphemeronConformance, H24_AYoungKeyLeavesAnOldMapInTheFirstCycleAfterItsDeath) {
  const Persistent ordered(Make<IterableWeakMap<Node, int>>());
  for (int i = 0; i < 5; i++) CollectPrecisely();
  ASSERT_TRUE(ordered->Set(Make<Node>(), 1).ok());
  ASSERT_TRUE(ordered->Set(key, 2).ok());
  CollectPrecisely();
  EXPECT_EQ(ordered->size(), 1u);
  EXPECT_EQ(ordered->Get(key), 2);
}

TEST_F(EphemeronConformance, I17_DeadMapsFreeTheirValuesAndAKeyMappedToItselfDies) {
  const Persistent self(Make<NodeRef>(Make<Node>()));
  ASSERT_TRUE(map->Set(self->Deref(), self->Deref()).ok());
  const Persistent value(Make<NodeRef>(Make<Node>()));
  Persistent dead_map(Make<NodeMap>());
  ASSERT_TRUE(dead_map->Set(key, value->Deref()).ok());
  EndTurn();
  Collect();
  EXPECT_TRUE(self->IsCleared());
  EXPECT_FALSE(value->IsCleared());
  dead_map = nullptr;
  Collect();
  EXPECT_TRUE(value->IsCleared());
}

TEST_F(EphemeronConformance, I24_AThousandKeysAreFoundAgainInAFragmentedHeap) {
  constexpr int kKeys = 1024;
  const Persistent set(Make<WeakSet<Node>>());
  std::vector<Persistent<Node>> keys;
  for (int i = 0; i < kKeys; i++) {
    for (int garbage = 0; garbage < 20; garbage++) Make<Node>();
    keys.push_back(NewNode(i));
    ASSERT_TRUE(map->Set(keys.back(), Make<Node>(i)).ok());
    ASSERT_TRUE(set->Add(keys.back()).ok());
  }
  for (int i = 0; i < 3; i++) CollectPrecisely();
  for (int i = 0; i < kKeys; i++) {
    ASSERT_EQ(map->Get(keys[static_cast<std::size_t>(i)])->value, i);
    ASSERT_TRUE(set->Has(keys[static_cast<std::size_t>(i)]));
  }
}

TEST_F(EphemeronConformance, I28_AKeyDiscoveredThroughAnotherMapsValueKeepsItsOwn) {
  std::array<Persistent<NodeMap>, 4> maps;
  for (auto& each : maps) each = Make<NodeMap>();
  Persistent<Node> from(key);
  const int length = 100;
  for (int i = 1; i <= length; i++) {
    const auto to = NewNode(i);
    ASSERT_TRUE(maps.at(static_cast<std::size_t>(i) % 4)->Set(from, to.get()).ok());
    from = to;
  }
  from = nullptr;
  CollectPrecisely();
  Node* node = key;
  for (int i = 1; i <= length; i++) {
    node = maps.at(static_cast<std::size_t>(i) % 4)->Get(node);
    ASSERT_NE(node, nullptr);
    ASSERT_EQ(node->value, i);
  }
}

}  // namespace
}  // namespace elegy::test
