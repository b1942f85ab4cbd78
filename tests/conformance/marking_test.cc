// Weak maps, weak references and slots that change while a cycle is stopped at each of its steps.

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/conformance/fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;

using NodeMap = IterableWeakMap<Node, Member<Node>>;
using NodeRef = WeakRef<Node>;

class MarkingConformance : public StepConformanceTest {
 public:
  explicit MarkingConformance(bool verify = false)
      : StepConformanceTest({.marker_threads = 2, .conservative_stacks = false, .verify = verify}) {
  }

  // Runs the scene once with a cycle stopped at each step.
  template <class F>
  void AtEachStep(F&& scene) {
    for (const CycleStep step : kAllSteps) {
      SCOPED_TRACE("step " + std::to_string(static_cast<int>(step)));
      scene(step);
      CollectPrecisely();
    }
  }
  // Nodes numbered from 0, each kept by its handle.
  static std::vector<Persistent<Node>> NewNodes(int count) {
    std::vector<Persistent<Node>> nodes;
    for (int i = 0; i < count; i++) nodes.push_back(NewNode(i));
    return nodes;
  }
};

TEST_F(MarkingConformance, G7_AWeakRefMetByTheMarkerMayDieWithItsTarget) {
  AtEachStep([&](CycleStep step) {
    auto target = NewNode();
    Persistent ref(Make<NodeRef>(target));
    const WeakPersistent<NodeRef> weak = ref.get();
    EndTurn();
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    target = nullptr;
    ref = nullptr;
    stepper.FinishCycle();
    RunCycle(stepper);
    EXPECT_EQ(weak.Get(), nullptr);
  });
}

TEST_F(MarkingConformance, G13_AMapMarkedAndThenDroppedGoesWithTheNextCycle) {
  AtEachStep([&](CycleStep step) {
    const auto keys = NewNodes(10);
    Persistent map(Make<NodeMap>());
    const Persistent value(Make<NodeRef>(Make<Node>()));
    for (const auto& key : keys) ASSERT_TRUE(map->Set(key, value->Deref()).ok());
    EndTurn();
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    map = nullptr;
    stepper.FinishCycle();
    RunCycle(stepper);
    EXPECT_TRUE(value->IsCleared());
  });
}

TEST_F(MarkingConformance, H10_DeletedEntriesAreNeitherFollowedNorCleared) {
  AtEachStep([&](CycleStep step) {
    const auto keys = NewNodes(100);
    const Persistent map(Make<NodeMap>());
    for (const auto& key : keys) ASSERT_TRUE(map->Set(key, Make<Node>(key->value)).ok());
    const std::uint64_t cleared = heap().Stats().cells_cleared;
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    for (std::size_t i = 0; i < 100; i += 2) ASSERT_TRUE(map->Delete(keys[i]));
    for (std::size_t i = 0; i < 100; i += 4) ASSERT_TRUE(map->Set(keys[i], nullptr).ok());
    stepper.FinishCycle();
    RunCycle(stepper);
    for (std::size_t i = 0; i < 100; i++) {
      ASSERT_EQ(map->Has(keys[i]), i % 2 == 1 || i % 4 == 0);
      ASSERT_EQ(map->Get(keys[i]) != nullptr, i % 2 == 1);
    }
    EXPECT_EQ(map->size(), 75u);
    EXPECT_EQ(heap().Stats().cells_cleared, cleared);
  });
}

TEST_F(MarkingConformance, H22_WhatIsMovedOrReadWhileMarkingSurvives) {
  AtEachStep([&](CycleStep step) {
    const auto from = NewNode();
    const auto to = NewNode();
    from->next = Make<Node>(1);
    from->next->next = Make<Node>(2);
    const Persistent ref(Make<NodeRef>(Make<Node>(3)));
    const auto key = NewNode();
    const Persistent map(Make<NodeMap>());
    ASSERT_TRUE(map->Set(key, Make<Node>(4)).ok());
    EndTurn();
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    to->next = from->next.get();
    from->next = nullptr;
    const Persistent<Node> read(ref->Deref());
    const Persistent<Node> value(map->Get(key));
    ASSERT_TRUE(map->Delete(key));
    stepper.FinishCycle();
    RunCycle(stepper);
    EXPECT_EQ(to->next->value, 1);
    EXPECT_EQ(to->next->next->value, 2);
    EXPECT_EQ(read != nullptr, step < CycleStep::kFlipped);
    if (read != nullptr) {
      EXPECT_EQ(read->value, 3);
    }
    EXPECT_EQ(value->value, 4);
  });
}

class VerifiedMarkingConformance : public MarkingConformance {
 public:
  VerifiedMarkingConformance() : MarkingConformance(true) {}
};

TEST_F(VerifiedMarkingConformance, I11_RefsAndRegistriesHoldBeforeTheVerifierAtEveryStep) {
  AtEachStep([&](CycleStep step) {
    int delivered = 0;
    const Persistent registry(
        Make<FinalizationRegistry<Member<Node>>>([&](Node* held) { delivered += held->value; }));
    const Persistent ref(Make<NodeRef>(Make<Node>()));
    ASSERT_TRUE(registry->Register(ref->Deref(), Make<Node>(1)).ok());
    EndTurn();
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    const Persistent late(Make<NodeRef>(Make<Node>()));
    ASSERT_TRUE(registry->Register(late->Deref(), Make<Node>(10)).ok());
    EndTurn();
    stepper.FinishCycle();
    for (int i = 0; i < 2; i++) RunCycle(stepper);
    mutator().Safepoint();
    EXPECT_TRUE(ref->IsCleared());
    EXPECT_TRUE(late->IsCleared());
    EXPECT_EQ(delivered, 11);
  });
}

TEST_F(MarkingConformance, I18_AMapThatGrowsTenThousandfoldWhileMarkingLosesNothing) {
  AtEachStep([&](CycleStep step) {
    const auto keys = NewNodes(10'000);
    const Persistent map(Make<NodeMap>());
    for (std::size_t i = 0; i < 10; i++) ASSERT_TRUE(map->Set(keys[i], keys[i + 1].get()).ok());
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    for (std::size_t i = 10; i < keys.size(); i++) {
      ASSERT_TRUE(map->Set(keys[i], Make<Node>(keys[i]->value)).ok());
    }
    stepper.FinishCycle();
    RunCycle(stepper);
    for (std::size_t i = 10; i < keys.size(); i++)
      ASSERT_EQ(map->Get(keys[i])->value, keys[i]->value);
    EXPECT_EQ(map->size(), keys.size());
  });
}

TEST_F(MarkingConformance, I19_HalfOfTheKeysDeletedBetweenSteps) {
  AtEachStep([&](CycleStep step) {
    auto keys = NewNodes(200);
    const Persistent map(Make<NodeMap>());
    std::vector<Persistent<NodeRef>> values;
    for (const auto& key : keys) {
      values.emplace_back(Make<NodeRef>(Make<Node>(key->value)));
      ASSERT_TRUE(map->Set(key, values.back()->Deref()).ok());
    }
    EndTurn();
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    for (std::size_t i = 0; i < keys.size(); i += 2) ASSERT_TRUE(map->Delete(keys[i]));
    stepper.FinishCycle();
    RunCycle(stepper);
    for (std::size_t i = 0; i < keys.size(); i++) {
      ASSERT_EQ(values[i]->IsCleared(), i % 2 == 0);
      ASSERT_EQ(map->Get(keys[i]), values[i]->Deref());
    }
  });
}

TEST_F(MarkingConformance, I20_EntriesAddedToLivingAndDyingMapsBetweenSteps) {
  AtEachStep([&](CycleStep step) {
    const auto keys = NewNodes(50);
    const Persistent living(Make<NodeMap>());
    Persistent dying(Make<NodeMap>());
    std::vector<Persistent<NodeRef>> in_living, in_dying;
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    for (const auto& key : keys) {
      in_living.emplace_back(Make<NodeRef>(Make<Node>(key->value)));
      in_dying.emplace_back(Make<NodeRef>(Make<Node>(key->value)));
      ASSERT_TRUE(living->Set(key, in_living.back()->Deref()).ok());
      ASSERT_TRUE(dying->Set(key, in_dying.back()->Deref()).ok());
    }
    dying = nullptr;
    EndTurn();
    stepper.FinishCycle();
    for (int i = 0; i < 2; i++) RunCycle(stepper);
    for (std::size_t i = 0; i < keys.size(); i++) {
      ASSERT_EQ(living->Get(keys[i])->value, keys[i]->value);
      ASSERT_TRUE(in_dying[i]->IsCleared());
    }
  });
}

struct Item;
using ItemMap = WeakMap<Item, Member<Item>>;
struct Item {
  Member<Item> next;
  Member<ItemMap> map;
};

// A random graph of objects, maps and entries against the least fixpoint.
class RandomGraph {
 public:
  static constexpr std::size_t kItems = 60;
  static constexpr std::size_t kEntries = 90;

  explicit RandomGraph(Random& random) {
    for (std::size_t i = 0; i < kItems; i++) {
      items_.emplace_back(Make<Item>());
      items_[i]->map = Make<ItemMap>();
      refs_.emplace_back(Make<WeakRef<Item>>(items_[i]));
    }
    for (std::size_t i = 0; i < kEntries; i++) {
      // Of two entries of one map and key, the second overwrites: at most one is made.
      const Entry entry = {random.Below(kItems), random.Below(kItems), random.Below(kItems)};
      if (items_[entry.map]->map->Has(items_[entry.key])) continue;
      EXPECT_TRUE(items_[entry.map]->map->Set(items_[entry.key], items_[entry.value].get()).ok());
      entries_.push_back(entry);
    }
    for (std::size_t i = 0; i < kItems; i++) {
      next_[i] = random.OneIn(4) ? random.Below(kItems) : i;
      items_[i]->next = items_[next_[i]];
      live_[i] = random.OneIn(12);
    }
    for (std::size_t i = 0; i < kItems; i++) {
      if (!live_[i]) items_[i] = nullptr;
    }
    Close();
  }

  void Check() const {
    for (std::size_t i = 0; i < kItems; i++) ASSERT_EQ(!refs_[i]->IsCleared(), live_[i]) << i;
    for (const Entry& entry : entries_) {
      if (!live_[entry.map] || !live_[entry.key]) continue;
      ItemMap* const map = refs_[entry.map]->Deref()->map;
      ASSERT_EQ(map->Get(refs_[entry.key]->Deref()), refs_[entry.value]->Deref());
    }
  }

 private:
  struct Entry {
    std::size_t map, key, value;
  };

  // What is live by rule, one step at a time until nothing is added.
  void Close() {
    for (bool changed = true; changed;) {
      changed = false;
      const auto add = [&](std::size_t item) {
        changed |= !live_[item];
        live_[item] = true;
      };
      for (std::size_t i = 0; i < kItems; i++) {
        if (live_[i]) add(next_[i]);
      }
      for (const Entry& entry : entries_) {
        if (live_[entry.map] && live_[entry.key]) add(entry.value);
      }
    }
  }

  std::vector<Persistent<Item>> items_;
  std::vector<Persistent<WeakRef<Item>>> refs_;
  std::vector<Entry> entries_;
  std::array<std::size_t, kItems> next_{};
  std::array<bool, kItems> live_{};
};

TEST_F(MarkingConformance, I21_WhateverTheOrderOfMarkingTheResultIsTheFixpoint) {
  SCOPED_TRACE("ELEGY_TEST_SEED=" + std::to_string(TestSeed()));
  Random random(2);
  for (int round = 0; round < 50; round++) {
    const RandomGraph graph(random);
    CollectPrecisely();
    graph.Check();
    CollectPrecisely();
    graph.Check();
  }
}

TEST_F(MarkingConformance, I22_ALookUpWhileMarkingKeepsWhatItFound) {
  AtEachStep([&](CycleStep step) {
    const auto key = NewNode();
    const Persistent map(Make<NodeMap>());
    ASSERT_TRUE(map->Set(key, Make<Node>(1)).ok());
    map->Get(key)->next = Make<Node>(2);
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    const Persistent<Node> found(map->Get(key));
    ASSERT_TRUE(map->Delete(key));
    const auto holder = NewNode();
    holder->next = found;
    stepper.FinishCycle();
    RunCycle(stepper);
    EXPECT_EQ(holder->next->value, 1);
    EXPECT_EQ(holder->next->next->value, 2);
  });
}

TEST_F(MarkingConformance, I25_AYoungValueUnderAnOldKeySurvives) {
  AtEachStep([&](CycleStep step) {
    const auto key = NewNode();
    const Persistent map(Make<NodeMap>());
    for (int i = 0; i < 3; i++) CollectPrecisely();
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    ASSERT_TRUE(map->Set(key, Make<Node>(1)).ok());
    stepper.FinishCycle();
    RunCycle(stepper);
    EXPECT_EQ(map->Get(key)->value, 1);
  });
}

}  // namespace
}  // namespace elegy::test
