// WeakMap: what its operations return, and what may be a key and a value.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using ::testing::ElementsAre;

struct Node {
  int value = 0;
  Member<Node> next;
};

class First {
 public:
  virtual ~First() = default;
  int first = 1;
};
class Second {
 public:
  virtual ~Second() = default;
  int second = 2;
};
class Both final : public First, public Second {};

struct Pair {
  Member<Node> node;
  int number = 0;
};

}  // namespace
}  // namespace elegy::test

template <>
inline constexpr bool elegy::kHasNoSlots<elegy::test::Both> = true;

namespace elegy::test {
namespace {

using NumberMap = WeakMap<Node, int>;
using NodeMap = WeakMap<Node, Member<Node>>;

class MapWeakMapTest : public HeapTest {
 public:
  MapWeakMapTest()
      : key(Make<Node>(1)),
        other(Make<Node>(2)),
        numbers(Make<NumberMap>()),
        nodes(Make<NodeMap>()) {}

  const Persistent<Node> key;
  const Persistent<Node> other;
  const Persistent<NumberMap> numbers;
  const Persistent<NodeMap> nodes;
};

// ---- truth tables ----

TEST_F(MapWeakMapTest, EmptyMapFindsNothing) {
  EXPECT_FALSE(numbers->Has(key));
  EXPECT_EQ(numbers->Get(key), std::nullopt);
  EXPECT_FALSE(numbers->Delete(key));
  EXPECT_EQ(nodes->Get(key), nullptr);
}

TEST_F(MapWeakMapTest, SetInsertsAndOverwrites) {
  EXPECT_TRUE(numbers->Set(key, 1).ok());
  EXPECT_TRUE(numbers->Has(key));
  EXPECT_EQ(numbers->Get(key), 1);
  EXPECT_FALSE(numbers->Has(other));
  EXPECT_TRUE(numbers->Set(key, 2).ok());
  EXPECT_EQ(numbers->Get(key), 2);
  EXPECT_TRUE(numbers->Set(other, 3).ok());
  EXPECT_EQ(numbers->Get(key), 2);
  EXPECT_EQ(numbers->Get(other), 3);
}

TEST_F(MapWeakMapTest, DeleteRemovesOnce) {
  ASSERT_TRUE(numbers->Set(key, 1).ok());
  ASSERT_TRUE(numbers->Set(other, 2).ok());
  EXPECT_TRUE(numbers->Delete(key));
  EXPECT_FALSE(numbers->Delete(key));
  EXPECT_FALSE(numbers->Has(key));
  EXPECT_EQ(numbers->Get(key), std::nullopt);
  EXPECT_EQ(numbers->Get(other), 2);
  EXPECT_TRUE(numbers->Set(key, 3).ok());
  EXPECT_EQ(numbers->Get(key), 3);
}

TEST_F(MapWeakMapTest, ReadingWithNullIsAMissAndWritingAnError) {
  EXPECT_FALSE(numbers->Has(nullptr));
  EXPECT_EQ(numbers->Get(nullptr), std::nullopt);
  EXPECT_EQ(nodes->Get(nullptr), nullptr);
  EXPECT_FALSE(numbers->Delete(nullptr));
  EXPECT_TRUE(absl::IsInvalidArgument(numbers->Set(nullptr, 1)));
  EXPECT_TRUE(absl::IsInvalidArgument(numbers->GetOrInsert(nullptr, 1).status()));
  bool called = false;
  const auto fn = [&](Node*) {
    called = true;
    return 1;
  };
  EXPECT_TRUE(absl::IsInvalidArgument(numbers->GetOrInsertComputed(nullptr, fn).status()));
  EXPECT_FALSE(called);
}

TEST_F(MapWeakMapTest, MapsAreIndependent) {
  const Persistent<NumberMap> second(Make<NumberMap>());
  ASSERT_TRUE(numbers->Set(key, 1).ok());
  ASSERT_TRUE(second->Set(key, 2).ok());
  EXPECT_EQ(numbers->Get(key), 1);
  EXPECT_EQ(second->Get(key), 2);
  EXPECT_TRUE(numbers->Delete(key));
  EXPECT_EQ(second->Get(key), 2);
}

TEST_F(MapWeakMapTest, MemberValuesComeBackAsPointers) {
  ASSERT_TRUE(nodes->Set(key, other.get()).ok());
  Node* const found = nodes->Get(key);
  EXPECT_EQ(found, other);
  ASSERT_TRUE(nodes->Set(key, nullptr).ok());
  EXPECT_TRUE(nodes->Has(key));
  EXPECT_EQ(nodes->Get(key), nullptr);
}

TEST_F(MapWeakMapTest, GetOrInsertInsertsOnlyWhatIsAbsent) {
  EXPECT_EQ(*numbers->GetOrInsert(key, 1), 1);
  EXPECT_EQ(*numbers->GetOrInsert(key, 2), 1);
  EXPECT_EQ(numbers->Get(key), 1);
  EXPECT_EQ(*nodes->GetOrInsert(key, other.get()), other);
  EXPECT_EQ(*nodes->GetOrInsert(key, key.get()), other);
}

TEST_F(MapWeakMapTest, StoredNullCountsAsPresent) {
  ASSERT_TRUE(nodes->Set(key, nullptr).ok());
  EXPECT_EQ(*nodes->GetOrInsert(key, other.get()), nullptr);
  bool called = false;
  EXPECT_EQ(*nodes->GetOrInsertComputed(key,
                                        [&](Node*) {
                                          called = true;
                                          return other.get();
                                        }),
            nullptr);
  EXPECT_FALSE(called);
  EXPECT_EQ(nodes->Get(key), nullptr);
}

// ---- GetOrInsertComputed ----

TEST_F(MapWeakMapTest, ComputesOnceForAnAbsentKey) {
  std::vector<Node*> asked;
  const auto fn = [&](Node* asked_for) {
    asked.push_back(asked_for);
    return asked_for->value * 10;
  };
  EXPECT_EQ(*numbers->GetOrInsertComputed(key, fn), 10);
  EXPECT_EQ(*numbers->GetOrInsertComputed(key, fn), 10);
  EXPECT_EQ(*numbers->GetOrInsertComputed(other, fn), 20);
  EXPECT_THAT(asked, ElementsAre(key.get(), other.get()));
}

TEST_F(MapWeakMapTest, ComputedValueMayBeAStatusOr) {
  const auto fn = [&](Node*) -> absl::StatusOr<int> { return 7; };
  EXPECT_EQ(*numbers->GetOrInsertComputed(key, fn), 7);
  EXPECT_EQ(numbers->Get(key), 7);
  const auto node = [&](Node*) -> absl::StatusOr<Node*> { return other.get(); };
  EXPECT_EQ(*nodes->GetOrInsertComputed(key, node), other);
}

TEST_F(MapWeakMapTest, ErrorOfTheFunctionInsertsNothing) {
  int calls = 0;
  const auto fn = [&](Node*) -> absl::StatusOr<int> {
    calls++;
    return absl::UnavailableError("not today");
  };
  EXPECT_TRUE(absl::IsUnavailable(numbers->GetOrInsertComputed(key, fn).status()));
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(numbers->Has(key));
}

TEST_F(MapWeakMapTest, ExceptionOfTheFunctionInsertsNothingAndKeepsWhatItDid) {
  const auto fn = [&](Node*) -> int {
    EXPECT_TRUE(numbers->Set(other, 5).ok());
    throw std::runtime_error("not today");
  };
  EXPECT_THROW((void)numbers->GetOrInsertComputed(key, fn), std::runtime_error);
  EXPECT_FALSE(numbers->Has(key));
  EXPECT_EQ(numbers->Get(other), 5);
}

TEST_F(MapWeakMapTest, WhatTheFunctionSetsForTheKeyIsOverwritten) {
  const auto fn = [&](Node* asked_for) {
    EXPECT_TRUE(numbers->Set(asked_for, 1).ok());
    return 2;
  };
  EXPECT_EQ(*numbers->GetOrInsertComputed(key, fn), 2);
  EXPECT_EQ(numbers->Get(key), 2);
}

TEST_F(MapWeakMapTest, WhatAFailingFunctionSetsForTheKeyStays) {
  const auto fn = [&](Node* asked_for) -> absl::StatusOr<int> {
    EXPECT_TRUE(numbers->Set(asked_for, 1).ok());
    return absl::UnavailableError("not today");
  };
  EXPECT_FALSE(numbers->GetOrInsertComputed(key, fn).ok());
  EXPECT_EQ(numbers->Get(key), 1);
}

TEST_F(MapWeakMapTest, FunctionMayRebuildTheTableCollectAndRecurse) {
  std::vector<Persistent<Node>> keys;
  const auto fn = [&](Node*) {
    for (int i = 0; i < 1000; i++) {
      keys.emplace_back(Make<Node>(i));
      EXPECT_EQ(*numbers->GetOrInsertComputed(keys.back(), [](Node* k) { return k->value; }), i);
    }
    CollectPrecisely();
    EXPECT_FALSE(numbers->Delete(key));
    return 3;
  };
  EXPECT_EQ(*numbers->GetOrInsertComputed(key, fn), 3);
  EXPECT_EQ(numbers->Get(key), 3);
  for (int i = 0; i < 1000; i++) EXPECT_EQ(numbers->Get(keys[i]), i);
}

// ---- kinds of keys and values ----

TEST_F(MapWeakMapTest, KeysAreObjectsNotAddresses) {
  const Persistent<Both> both(Make<Both>());
  const Persistent<WeakMap<Second, int>> seconds(Make<WeakMap<Second, int>>());
  ASSERT_TRUE(seconds->Set(both.get(), 1).ok());
  EXPECT_EQ(seconds->Get(both.get()), 1);
  CollectPrecisely();
  EXPECT_EQ(seconds->Get(both.get()), 1);
  EXPECT_TRUE(seconds->Delete(both.get()));
}

TEST_F(MapWeakMapTest, InteriorPointersNameTheirObject) {
  const Persistent<Array<int>> array(MakeArray<int>(100));
  const Persistent<WeakMap<int, int>> by_element(Make<WeakMap<int, int>>());
  ASSERT_TRUE(by_element->Set(&(*array)[10], 1).ok());
  EXPECT_EQ(by_element->Get(&(*array)[99]), 1);
  ASSERT_TRUE(by_element->Set(&(*array)[50], 2).ok());
  EXPECT_EQ(by_element->Get(&(*array)[10]), 2);
  EXPECT_TRUE(by_element->Delete(&(*array)[0]));
  EXPECT_FALSE(by_element->Has(&(*array)[10]));
}

template <class K>
void ExpectWorksAsAKey(HeapTest& test, const std::function<K*()>& make) {
  const Persistent<WeakMap<K, Member<Node>>> map(Make<WeakMap<K, Member<Node>>>());
  Persistent<K> living(NoInline([&] { return Persistent<K>(make()); }));
  WeakPersistent<Node> of_living;
  WeakPersistent<Node> of_dead;
  NoInline([&] {
    auto* const value = Make<Node>(1);
    of_living = value;
    EXPECT_TRUE(map->Set(living, value).ok());
    auto* const doomed = Make<Node>(2);
    of_dead = doomed;
    EXPECT_TRUE(map->Set(make(), doomed).ok());
  });
  test.CollectPrecisely();
  EXPECT_EQ(NoInline([&] { return map->Get(living)->value; }), 1);
  EXPECT_EQ(of_dead.Get(), nullptr);
  living = nullptr;
  test.CollectPrecisely();
  EXPECT_EQ(of_living.Get(), nullptr);
}

TEST_F(MapWeakMapTest, ArraysLargeObjectsAndContainersAreKeys) {
  struct Huge {
    std::array<std::uint64_t, 20'000> words;
  };
  ExpectWorksAsAKey<Array<int>>(*this, [] { return MakeArray<int>(10); });
  ExpectWorksAsAKey<Array<Member<Node>>>(*this, [] { return MakeArray<Member<Node>>(50'000); });
  ExpectWorksAsAKey<Array<char>>(*this, [] { return MakeArray<char>(0); });
  ExpectWorksAsAKey<std::string>(*this, [] { return Make<std::string>("key"); });
  ExpectWorksAsAKey<Vector<Member<Node>>>(*this, [] { return Make<Vector<Member<Node>>>(); });
  ExpectWorksAsAKey<WeakRef<Node>>(*this, [] { return Make<WeakRef<Node>>(nullptr); });
  ExpectWorksAsAKey<NumberMap>(*this, [] { return Make<NumberMap>(); });
  ExpectWorksAsAKey<FinalizationRegistry<int>>(
      *this, [] { return Make<FinalizationRegistry<int>>([](int) {}); });
  ExpectWorksAsAKey<Second>(*this, []() -> Second* { return Make<Both>(); });
}

TEST_F(MapWeakMapTest, HoldsValuesOfEveryKind) {
  const Persistent<WeakMap<Node, std::string>> strings(Make<WeakMap<Node, std::string>>());
  ASSERT_TRUE(strings->Set(key, std::string(500, 'x')).ok());
  CollectPrecisely();
  EXPECT_EQ(strings->Get(key), std::string(500, 'x'));

  const Persistent<WeakMap<Node, std::shared_ptr<int>>> shared(
      Make<WeakMap<Node, std::shared_ptr<int>>>());
  auto value = std::make_shared<int>(3);
  ASSERT_TRUE(shared->Set(key, value).ok());
  EXPECT_EQ(value.use_count(), 2);
  EXPECT_EQ(**shared->Get(key), 3);
  EXPECT_TRUE(shared->Delete(key));
  EXPECT_EQ(value.use_count(), 1);

  const Persistent<WeakMap<Node, Pair>> pairs(Make<WeakMap<Node, Pair>>());
  NoInline([&] { ASSERT_TRUE(pairs->Set(key, Pair{Make<Node>(8), 9}).ok()); });
  CollectPrecisely();
  EXPECT_EQ(NoInline([&] { return pairs->Get(key)->node->value; }), 8);
  EXPECT_EQ(pairs->Get(key)->number, 9);
}

TEST_F(MapWeakMapTest, ValuesAreDestroyedWithTheirEntries) {
  const auto value = std::make_shared<int>(1);
  using SharedMap = WeakMap<Node, std::shared_ptr<int>>;
  Persistent<SharedMap> shared(Make<SharedMap>());
  ASSERT_TRUE(shared->Set(key, value).ok());
  ASSERT_TRUE(shared->Set(key, value).ok());
  EXPECT_EQ(value.use_count(), 2);
  NoInline([&] {
    for (int i = 0; i < 100; i++) ASSERT_TRUE(shared->Set(Make<Node>(i), value).ok());
  });
  EXPECT_EQ(value.use_count(), 102);
  CollectPrecisely();
  EXPECT_EQ(value.use_count(), 2);
  shared = nullptr;
  CollectPrecisely();
  EXPECT_EQ(value.use_count(), 1);
}

TEST_F(MapWeakMapTest, WithoutRoomSetSaysSo) {
  Detach();
  Heap small(TestOptions({.max_heap_bytes = std::size_t{4} << 20}));
  Mutator attached(small);
  const Persistent<Array<Member<Node>>> keys(MakeArray<Member<Node>>(30'000));
  for (auto& each : *keys) each = Make<Node>();
  const Persistent<WeakMap<Node, std::array<char, 1000>>> map(
      Make<WeakMap<Node, std::array<char, 1000>>>());
  absl::Status status;
  std::size_t set = 0;
  while (set < keys->size() && (status = map->Set((*keys)[set], {})).ok()) set++;
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_GT(set, 100u);
  for (std::size_t i = 0; i < set; i++) EXPECT_TRUE(map->Has((*keys)[i])) << i;
  EXPECT_FALSE(map->Has((*keys)[set]));
}

// Two fields, of which the second finds no memory when it is moved: the first has been moved then.
struct Brittle {
  explicit Brittle(int number) : first(std::make_unique<int>(number)) {}
  Brittle(Brittle&& other) : first(std::move(other.first)) {
    if (moves_left > 0 && --moves_left == 0) throw std::bad_alloc();
  }
  Brittle(const Brittle& other)
      : first(other.first == nullptr ? nullptr : std::make_unique<int>(*other.first)) {}
  void Trace(Visitor&) const {}

  static int moves_left;  // until one fails
  std::unique_ptr<int> first;
};
int Brittle::moves_left = 0;

TEST_F(MapWeakMapTest, WhatHasBeenMovedInPartIsNotStored) {
  const Persistent map = Make<WeakMap<Node, Brittle>>();
  int refused = 0;
  constexpr int kMostMoves = 6;
  for (int moves = 1; moves <= kMostMoves; moves++) {
    for (const bool overwrites : {false, true}) {
      const Persistent own = Make<Node>();
      if (overwrites) {
        ASSERT_TRUE(map->Set(own, Brittle(1)).ok());
      }
      Brittle value(7);
      bool ok = false;
      Brittle::moves_left = moves;
      try {
        ok = map->Set(own, std::move(value)).ok();
      } catch (const std::bad_alloc&) {
      }
      Brittle::moves_left = 0;
      const std::optional<Brittle> found = map->Get(own);
      refused += ok ? 0 : 1;
      ASSERT_EQ(found.has_value(), ok || overwrites);
      if (!found.has_value()) continue;
      ASSERT_NE(found->first, nullptr);
      EXPECT_EQ(*found->first, ok ? 7 : 1);
    }
  }
  EXPECT_GE(refused, 2);
}

// A slot, and a copy that finds no memory. Its move may throw, so that it stands behind a pointer.
struct Costly {
  explicit Costly(Node* held) : node(held) {}
  Costly(Costly&& other) noexcept(false) : node(other.node) {}
  Costly(const Costly& other) : node(other.node) {
    if (copies_left > 0 && --copies_left == 0) throw std::bad_alloc();
  }
  void Trace(Visitor& visitor) const { visitor.Trace(node); }

  static int copies_left;  // until one fails
  Member<Node> node;
};
int Costly::copies_left = 0;

TEST_F(MapWeakMapTest, WhatCannotBeCopiedOutIsNotInserted) {
  const Persistent map = Make<WeakMap<Node, Costly>>();
  Costly::copies_left = 1;
  const absl::StatusOr<Costly> once_more = map->GetOrInsert(key, Costly(other.get()));
  ASSERT_TRUE(once_more.ok());  // after a cycle
  EXPECT_EQ(once_more->node, other);
  ASSERT_TRUE(map->Delete(key));
  int refused = 0;
  for (int copies = 1; copies <= 3; copies++) {
    Costly::copies_left = copies;
    const bool ok = map->GetOrInsert(key, Costly(other.get())).ok();
    Costly::copies_left = 0;
    refused += ok ? 0 : 1;
    EXPECT_EQ(map->Has(key), ok);
    map->Delete(key);
  }
  EXPECT_EQ(refused, 0);
}

}  // namespace
}  // namespace elegy::test
