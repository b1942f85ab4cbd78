// WeakMap's entries are ephemerons: a value lives while its map and its key live, and is no reason
// for either to live.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

class Node {
 public:
  explicit Node(std::atomic<int>* deaths = nullptr) : deaths_(deaths) {}
  ~Node() {
    if (deaths_ != nullptr) ++*deaths_;
  }
  void Trace(Visitor& visitor) const {
    visitor.Trace(first);
    visitor.Trace(second);
  }

  Member<Node> first;
  Member<Node> second;

 private:
  std::atomic<int>* const deaths_;
};

using NodeMap = WeakMap<Node, Member<Node>>;

// With one marker thread, and with several.
class MapEphemeronTest : public HeapTest, public ::testing::WithParamInterface<int> {
 public:
  MapEphemeronTest() : HeapTest({.marker_threads = GetParam()}), map(Make<NodeMap>()) {}

  static Persistent<Node> NewNode() {
    return NoInline([] { return Persistent(Make<Node>()); });
  }
  static bool IsDead(const WeakPersistent<Node>& weak) {
    return NoInline([&] { return weak.Get() == nullptr; });
  }

  std::atomic<int> deaths{0};
  Persistent<NodeMap> map;
};

INSTANTIATE_TEST_SUITE_P(Markers, MapEphemeronTest, ::testing::Values(1, 3));

TEST_P(MapEphemeronTest, ValueLivesWhileMapAndKeyLive) {
  auto key = NewNode();
  NoInline([&] { ASSERT_TRUE(map->Set(key, Make<Node>(&deaths)).ok()); });
  for (int i = 0; i < 3; i++) CollectPrecisely();
  EXPECT_EQ(deaths, 0);
  EXPECT_NE(map->Get(key), nullptr);
  key = nullptr;
  CollectPrecisely();
  EXPECT_EQ(deaths, 1);
}

TEST_P(MapEphemeronTest, ValueDiesWithItsMapThoughItsKeyLives) {
  const auto key = NewNode();
  NoInline([&] { ASSERT_TRUE(map->Set(key, Make<Node>(&deaths)).ok()); });
  map = nullptr;
  CollectPrecisely();
  EXPECT_EQ(deaths, 1);
}

TEST_P(MapEphemeronTest, ValueHeldElsewhereOutlivesBoth) {
  const auto value = NewNode();
  NoInline([&] { ASSERT_TRUE(map->Set(Make<Node>(&deaths), value.get()).ok()); });
  CollectPrecisely();
  EXPECT_EQ(deaths, 1);
  map = nullptr;
  CollectPrecisely();
  value->first = value.get();
}

TEST_P(MapEphemeronTest, ValueThatRefersToItsKeyDoesNotKeepTheEntry) {
  NoInline([&] {
    auto* const key = Make<Node>(&deaths);
    auto* const value = Make<Node>(&deaths);
    value->first = key;
    ASSERT_TRUE(map->Set(key, value).ok());
    auto* const far = Make<Node>(&deaths);
    auto* const chain = Make<Node>(&deaths);
    chain->first = Make<Node>(&deaths);
    chain->first->second = far;
    ASSERT_TRUE(map->Set(far, chain).ok());
  });
  CollectPrecisely();
  EXPECT_EQ(deaths, 5);
}

TEST_P(MapEphemeronTest, KeyThatIsItsOwnValueDies) {
  NoInline([&] {
    auto* const key = Make<Node>(&deaths);
    ASSERT_TRUE(map->Set(key, key).ok());
  });
  CollectPrecisely();
  EXPECT_EQ(deaths, 1);
}

TEST_P(MapEphemeronTest, TwoEntriesThatHoldEachOthersKeysDie) {
  const Persistent<NodeMap> second(Make<NodeMap>());
  NoInline([&] {
    auto* const a = Make<Node>(&deaths);
    auto* const b = Make<Node>(&deaths);
    ASSERT_TRUE(map->Set(a, b).ok());
    ASSERT_TRUE(map->Set(b, a).ok());
    auto* const c = Make<Node>(&deaths);
    auto* const d = Make<Node>(&deaths);
    ASSERT_TRUE(map->Set(c, d).ok());
    ASSERT_TRUE(second->Set(d, c).ok());
  });
  CollectPrecisely();
  EXPECT_EQ(deaths, 4);
}

TEST_P(MapEphemeronTest, KeyReachableOnlyThroughADeadEntryDies) {
  NoInline([&] {
    auto* const key = Make<Node>(&deaths);
    ASSERT_TRUE(map->Set(Make<Node>(&deaths), key).ok());
    ASSERT_TRUE(map->Set(key, Make<Node>(&deaths)).ok());
  });
  CollectPrecisely();
  EXPECT_EQ(deaths, 3);
}

TEST_P(MapEphemeronTest, KeyReachableOnlyThroughALivingEntryLives) {
  const auto root = NewNode();
  NoInline([&] {
    auto* const key = Make<Node>(&deaths);
    // In the order in which the marker cannot resolve them at once.
    ASSERT_TRUE(map->Set(key, Make<Node>(&deaths)).ok());
    ASSERT_TRUE(map->Set(root, key).ok());
  });
  CollectPrecisely();
  EXPECT_EQ(deaths, 0);
  EXPECT_TRUE(NoInline([&] { return map->Get(map->Get(root)) != nullptr; }));
}

TEST_P(MapEphemeronTest, MapsAreValuesOfMaps) {
  using Outer = WeakMap<Node, Member<NodeMap>>;
  const Persistent<Outer> outer(Make<Outer>());
  auto key = NewNode();
  const auto inner_key = NewNode();
  NoInline([&] {
    auto* const inner = Make<NodeMap>();
    ASSERT_TRUE(inner->Set(inner_key, Make<Node>(&deaths)).ok());
    ASSERT_TRUE(outer->Set(key, inner).ok());
  });
  CollectPrecisely();
  EXPECT_EQ(deaths, 0);
  key = nullptr;
  CollectPrecisely();
  EXPECT_EQ(deaths, 1);
}

TEST_P(MapEphemeronTest, MapsAreKeysOfMaps) {
  using Keys = WeakMap<NodeMap, Member<Node>>;
  const Persistent<Keys> keys(Make<Keys>());
  NoInline([&] {
    auto* const key = Make<NodeMap>();
    auto* const value = Make<Node>(&deaths);
    ASSERT_TRUE(key->Set(value, value).ok());
    ASSERT_TRUE(keys->Set(key, value).ok());
  });
  CollectPrecisely();
  EXPECT_EQ(deaths, 1);
}

TEST_P(MapEphemeronTest, KeyUnderConstructionKeepsItsValue) {
  struct Registering {
    Registering(Heap& heap, WeakMap<Registering, Member<Node>>& with, std::atomic<int>& deaths) {
      NoInline([&] { EXPECT_TRUE(with.Set(this, Make<Node>(&deaths)).ok()); });
      heap.Collect(StackState::kNoPointers);
      heap.Collect(StackState::kNoPointers);
      EXPECT_NE(with.Get(this), nullptr);
    }
    void Trace(Visitor&) const {}
  };
  using Map = WeakMap<Registering, Member<Node>>;
  const Persistent<Map> with(Make<Map>());
  Persistent<Registering> key(
      NoInline([&] { return Persistent(Make<Registering>(heap(), *with, deaths)); }));
  CollectPrecisely();
  EXPECT_EQ(deaths, 0);
  EXPECT_NE(with->Get(key), nullptr);
  key = nullptr;
  CollectPrecisely();
  EXPECT_EQ(deaths, 1);
}

// The next cycle's keys may have the addresses of the last one's dead ones; the map is dead by
// then.
TEST_P(MapEphemeronTest, WhatWasFiledUnderDeadKeysIsForgotten) {
  constexpr int kKeys = 1000;
  NoInline([&] {
    for (int i = 0; i < kKeys; i++) {
      auto* const key = Make<Node>();  // before its value, as below
      ASSERT_TRUE(map->Set(key, Make<Node>()).ok());
    }
  });
  CollectPrecisely();
  std::vector<Persistent<Node>> keys;
  NoInline([&] {
    for (int i = 0; i < kKeys; i++) {
      keys.emplace_back(Make<Node>());
      ASSERT_TRUE(map->Set(keys.back(), Make<Node>(&deaths)).ok());
    }
  });
  map = nullptr;
  CollectPrecisely();
  EXPECT_EQ(deaths, kKeys);
}

// ---- chains ----

// Entries of which each one's value is the next one's key, in one map or in two by turns, put in
// from the first to the last or from the last to the first.
class MapChainTest : public MapEphemeronTest {
 public:
  enum class Order { kForwards, kBackwards };

  static constexpr int kLength = 100'000;

  // Returns the first key.
  Persistent<Node> MakeChain(NodeMap& one, NodeMap& other, Order order, bool through_objects) {
    return NoInline([&] {
      const Persistent<Array<Member<Node>>> keys(MakeArray<Member<Node>>(kLength));
      for (auto& key : *keys) key = Make<Node>(&deaths);
      for (int i = 0; i + 1 < kLength; i++) {
        const int at = order == Order::kForwards ? i : kLength - 2 - i;
        Node* value = (*keys)[at + 1];
        if (through_objects) {
          value = Make<Node>();
          value->second = (*keys)[at + 1].get();
        }
        EXPECT_TRUE((at % 2 == 0 ? one : other).Set((*keys)[at], value).ok());
      }
      return Persistent<Node>((*keys)[0].get());
    });
  }

  // How many keys are reached from the first.
  static int LengthOf(NodeMap& one, NodeMap& other, Node* key) {
    int length = 0;
    for (; key != nullptr; length++) {
      Node* const value = (length % 2 == 0 ? one : other).Get(key);
      key = value != nullptr && value->second != nullptr ? value->second.get() : value;
    }
    return length;
  }

  void ExpectLivesWholeAndDiesWhole(NodeMap& one, NodeMap& other, Order order,
                                    bool through_objects) {
    auto first = MakeChain(one, other, order, through_objects);
    CollectPrecisely();
    EXPECT_EQ(deaths, 0);
    EXPECT_EQ(NoInline([&] { return LengthOf(one, other, first); }), kLength);
    first = nullptr;
    CollectPrecisely();
    EXPECT_EQ(deaths, kLength);
  }
};

INSTANTIATE_TEST_SUITE_P(Markers, MapChainTest, ::testing::Values(1, 3));

TEST_P(MapChainTest, InOneMapForwards) {
  ExpectLivesWholeAndDiesWhole(*map, *map, Order::kForwards, false);
}
TEST_P(MapChainTest, InOneMapBackwards) {
  ExpectLivesWholeAndDiesWhole(*map, *map, Order::kBackwards, false);
}
TEST_P(MapChainTest, AcrossTwoMapsForwards) {
  const Persistent<NodeMap> second(Make<NodeMap>());
  ExpectLivesWholeAndDiesWhole(*map, *second, Order::kForwards, false);
}
TEST_P(MapChainTest, AcrossTwoMapsBackwards) {
  const Persistent<NodeMap> second(Make<NodeMap>());
  ExpectLivesWholeAndDiesWhole(*map, *second, Order::kBackwards, false);
}
TEST_P(MapChainTest, ThroughObjectsBackwards) {
  ExpectLivesWholeAndDiesWhole(*map, *map, Order::kBackwards, true);
}

TEST_P(MapChainTest, DiesWithTheMapThoughTheFirstKeyLives) {
  const auto first = MakeChain(*map, *map, Order::kBackwards, false);
  map = nullptr;
  CollectPrecisely();
  EXPECT_EQ(deaths, kLength - 1);
}

// ---- against a reference ----

// A random graph of strong links and entries; what lives is computed by the definition.
class RandomGraph {
 public:
  static constexpr int kNodes = 120;
  static constexpr int kMaps = 4;

  explicit RandomGraph(unsigned seed) : random_(seed) {
    std::vector<Persistent<Node>> nodes;
    std::vector<Persistent<NodeMap>> maps;
    for (int i = 0; i < kNodes; i++) {
      nodes.emplace_back(Make<Node>());
      weak_.emplace_back(nodes.back().get());
    }
    for (int i = 0; i < kMaps; i++) maps.emplace_back(Make<NodeMap>());
    for (int i = 0; i < kNodes / 4; i++) {
      const Link link{Below(kNodes), Below(kNodes)};
      nodes[link.from]->first = nodes[link.to].get();
      std::erase_if(links_, [&](const Link& old) { return old.from == link.from; });
      links_.push_back(link);
    }
    for (int i = 0; i < kNodes; i++) {
      const Entry entry{Below(kMaps), Below(kNodes), Below(kNodes)};
      EXPECT_TRUE(maps[entry.map]->Set(nodes[entry.key], nodes[entry.value].get()).ok());
      std::erase_if(entries_,
                    [&](const Entry& old) { return old.map == entry.map && old.key == entry.key; });
      entries_.push_back(entry);
    }
    for (int i = 0; i < 4; i++) {
      root_numbers_.push_back(Below(kNodes));
      roots_.push_back(nodes[root_numbers_.back()]);
    }
    // The last map dies.
    maps_.assign(maps.begin(), maps.end() - 1);
  }

  void ExpectOnlyTheReachableLive() {
    const std::vector<bool> reachable = Reachable();
    for (int i = 0; i < kNodes; i++) {
      EXPECT_EQ(NoInline([&] { return weak_[i].Get() != nullptr; }), reachable[i]) << i;
    }
  }

 private:
  struct Link {
    int from;
    int to;
  };
  struct Entry {
    int map;
    int key;
    int value;
  };

  int Below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

  std::vector<bool> Reachable() const {
    std::vector<bool> reached(kNodes);
    for (int root : root_numbers_) reached[root] = true;
    for (bool grows = true; grows;) {
      grows = false;
      const auto reach = [&](bool if_reached, int to) {
        if (!if_reached || reached[to]) return;
        reached[to] = grows = true;
      };
      for (const Link& link : links_) reach(reached[link.from], link.to);
      for (const Entry& entry : entries_) {
        reach(entry.map != kMaps - 1 && reached[entry.key], entry.value);
      }
    }
    return reached;
  }

  std::minstd_rand random_;
  std::vector<WeakPersistent<Node>> weak_;
  std::vector<Persistent<NodeMap>> maps_;
  std::vector<int> root_numbers_;
  std::vector<Persistent<Node>> roots_;
  std::vector<Link> links_;
  std::vector<Entry> entries_;
};

TEST_P(MapEphemeronTest, RandomGraphsLiveAsFarAsTheDefinitionSays) {
  for (unsigned seed = 1; seed <= 60; seed++) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto graph = NoInline([&] { return std::make_unique<RandomGraph>(seed); });
    CollectPrecisely();
    graph->ExpectOnlyTheReachableLive();
  }
}

}  // namespace
}  // namespace elegy::test
