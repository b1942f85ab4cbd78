// Several mutators: they read, clear, register and deliver beside each other and beside cycles.

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/conformance/fixture.h"
#include "tests/support/actor.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;

using NodeMap = WeakMap<Node, Member<Node>>;
using NodeRef = WeakRef<Node>;
using Registry = FinalizationRegistry<int>;

class ThreadsConformance : public ThreadsConformanceTest {};

TEST_F(ThreadsConformance, F35_AMapsValueOutlivesTheThreadThatMadeIt) {
  const auto key = NewNode();
  const Persistent map(Make<NodeMap>());
  {
    Actor actor(heap());
    actor.Do([&] { ASSERT_TRUE(map->Set(key, Make<Node>(7)).ok()); });
    actor.Do([&] { Mutator::Current().EndTurn(StackState::kNoPointers); });
    CollectPrecisely();
  }
  for (int i = 0; i < 2; i++) CollectPrecisely();
  EXPECT_EQ(map->Get(key)->value, 7);
}

TEST_F(ThreadsConformance, H21_ObjectsAreMarkedWhileThreadsChangeThem) {
  constexpr std::size_t kSlots = 64;
  constexpr std::uint64_t kCycles = 10;
  const Persistent slots(MakeArray<Member<Node>>(kSlots));
  const Persistent map(Make<NodeMap>());
  for (std::size_t i = 0; i < kSlots; i++) (*slots)[i] = Make<Node>(1);
  const std::uint64_t until = heap().Stats().cycles + kCycles;
  RunBesideCycles(3, [&](int thread, Mutator& mutator) {
    Random random(static_cast<std::uint64_t>(thread));
    for (std::size_t i = 0; i % 256 != 0 || heap().Stats().cycles < until; i++) {
      const Persistent<Node> node((*slots)[random.Below(kSlots)].get());
      ASSERT_EQ(node->value, 1);
      const Persistent<Node> fresh(Make<Node>(1, node->next));
      node->next = nullptr;
      (*slots)[random.Below(kSlots)] = fresh;
      ASSERT_TRUE(map->Set(fresh, node.get()).ok());
      const Persistent<Node> value(map->Get(fresh));
      ASSERT_EQ(value, node);
      ASSERT_TRUE(map->Delete(fresh));
      if (i % 64 == 0) mutator.EndTurn(StackState::kNoPointers);
    }
  });
  for (const Member<Node>& slot : *slots) ASSERT_EQ(slot->value, 1);
}

TEST_F(ThreadsConformance, I27_AnEntryStaysWhileItsKeyIsAliveInAnyThread) {
  Actor actor(heap());
  Persistent<NodeRef> key;
  const Persistent map(Make<NodeMap>());
  std::latch kept(1);
  std::latch released(1);
  actor.Start([&] {
    key = Make<NodeRef>(Make<Node>(1));
    ASSERT_TRUE(map->Set(key->Deref(), Make<Node>(2)).ok());
    kept.count_down();
    const BlockingRegion region(Mutator::Current());
    released.wait();
  });
  kept.wait();
  for (int i = 0; i < 3; i++) {
    CollectPrecisely();
    ASSERT_EQ(map->Get(key->Deref())->value, 2);
  }
  EndTurn();
  Collect();  // Nobody but the actor keeps the key.
  EXPECT_EQ(map->Get(key->Deref())->value, 2);
  EndTurn();
  released.count_down();
  actor.Await();
  actor.Do([] { Mutator::Current().EndTurn(StackState::kNoPointers); });
  CollectPrecisely();
  EXPECT_TRUE(key->IsCleared());
}

TEST_F(ThreadsConformance, J6_WritersAndAReaderShareOneMapAndOneSet) {
  constexpr int kWriters = 4;
  constexpr std::size_t kKeys = 200;
  const std::size_t rounds = Scaled(20);
  const Persistent map(Make<WeakMap<Node, int>>());
  const Persistent set(Make<WeakSet<Node>>());
  const Persistent keys(MakeArray<Member<Node>>(kWriters * kKeys));
  for (std::size_t i = 0; i < keys->size(); i++) (*keys)[i] = Make<Node>(static_cast<int>(i));
  RunBesideCycles(kWriters + 1, [&](int thread, Mutator& mutator) {
    if (thread == kWriters) {
      for (std::size_t i = 0; i < rounds; i++) {
        for (const Member<Node>& key : *keys) {
          const auto found = map->Get(key);
          ASSERT_TRUE(!found.has_value() || *found == key->value);
          set->Has(key);
        }
        mutator.Safepoint();
      }
      return;
    }
    const std::size_t first = static_cast<std::size_t>(thread) * kKeys;
    for (std::size_t round = 0; round < rounds; round++) {
      for (std::size_t i = first; i < first + kKeys; i++) {
        Node* const key = (*keys)[i];
        ASSERT_TRUE(map->Set(key, key->value).ok());
        ASSERT_TRUE(set->Add(key).ok());
        ASSERT_EQ(map->Get(key), key->value);
        if (i % 3 == 0) {
          ASSERT_TRUE(map->Delete(key));
          ASSERT_TRUE(set->Delete(key));
          ASSERT_FALSE(map->Has(key));
          ASSERT_TRUE(map->Set(key, key->value).ok());
          ASSERT_TRUE(set->Add(key).ok());
        }
      }
      mutator.EndTurn(StackState::kNoPointers);
    }
  });
  for (const Member<Node>& key : *keys) {
    ASSERT_EQ(map->Get(key), key->value);
    ASSERT_TRUE(set->Has(key));
  }
}

TEST_F(ThreadsConformance, J7_DestructorsRunOnceWhoeverCollects) {
  Census census;
  const std::size_t rounds = Scaled(20);
  RunBesideCycles(3, [&](int, Mutator& mutator) {
    for (std::size_t round = 0; round < rounds; round++) {
      for (std::uint64_t i = 1; i <= 100; i++) {
        const Persistent kept(Make<Counted>(i, census));
        Make<Counted>(i, census);
        ASSERT_EQ(kept->id(), i);
      }
      mutator.EndTurn(StackState::kNoPointers);
      if (round % 5 == 0) heap().Collect(StackState::kNoPointers);
    }
  });
  CollectPrecisely();
  EXPECT_EQ(census.made, 3 * rounds * 200);
  EXPECT_EQ(census.destroyed, census.made);
}

TEST_F(ThreadsConformance, J9_WeakTablesAreMadeAndDroppedBesideTheirClearing) {
  constexpr int kThreads = 3;
  constexpr std::size_t kDoomed = 4;
  const std::size_t rounds = Scaled(300);
  // One of each for a thread, that stay: they lose keys in every round.
  std::vector<Persistent<NodeMap>> maps;
  std::vector<Persistent<WeakSet<Node>>> sets;
  for (int i = 0; i < kThreads; i++) {
    maps.emplace_back(Make<NodeMap>());
    sets.emplace_back(Make<WeakSet<Node>>());
  }
  CollectPrecisely();
  const std::uint64_t live_bytes = heap().Stats().live_bytes;
  RunBesideCycles(kThreads, [&](int thread, Mutator& mutator) {
    const auto index = static_cast<std::size_t>(thread);
    for (std::size_t round = 0; round < rounds; round++) {
      for (std::size_t i = 0; i < kDoomed; i++) {
        ASSERT_TRUE(maps[index]->Set(Make<Node>(), Make<Node>()).ok());
        ASSERT_TRUE(sets[index]->Add(Make<Node>()).ok());
      }
      const Persistent key(Make<Node>(thread));
      Persistent<Node> cached;  // outlives the cache, which so has no dead entry
      const Persistent map(Make<NodeMap>());
      const Persistent set(Make<WeakSet<Node>>());
      const Persistent cache(Make<WeakCache<int, Node>>());
      const Persistent registry(Make<Registry>([](int) {}));
      ASSERT_TRUE(map->Set(key, Make<Node>(1)).ok());
      ASSERT_TRUE(set->Add(key).ok());
      cached = cache->GetOrMake(3, [](int each) { return Make<Node>(each); });
      ASSERT_TRUE(registry->Register(key, 1).ok());
      mutator.EndTurn(StackState::kNoPointers);
      ASSERT_EQ(map->Get(key)->value, 1);
      ASSERT_TRUE(set->Has(key));
      ASSERT_EQ(cache->Get(3), cached.get());
      ASSERT_EQ(cached->value, 3);
    }
  });
  for (int i = 0; i < 2; i++) CollectAndDeliver();
  const HeapStats stats = heap().Stats();
  EXPECT_EQ(stats.live_bytes, live_bytes);
  EXPECT_EQ(stats.cells_cleared, kThreads * rounds * 2 * kDoomed);
  EXPECT_EQ(stats.records_registered, kThreads * rounds);
  EXPECT_EQ(stats.records_delivered + stats.records_dropped, stats.records_registered);
}

TEST_F(ThreadsConformance, L2_TwoReadersAgreeOnTheMomentOfClearing) {
  Actor actor(heap());
  for (const CycleStep step : kAllSteps) {
    SCOPED_TRACE(static_cast<int>(step));
    const Persistent ref(Make<NodeRef>(Make<Node>(1)));
    EndTurn();
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    Persistent<Node> mine, theirs;
    std::barrier together(2);
    actor.Start([&] {
      together.arrive_and_wait();
      theirs = ref->Deref();
      together.arrive_and_wait();
    });
    together.arrive_and_wait();
    mine = ref->Deref();
    together.arrive_and_wait();
    actor.Await();
    EXPECT_EQ(mine, theirs);
    EXPECT_EQ(mine != nullptr, step < CycleStep::kFlipped);
    stepper.FinishCycle();
    EXPECT_EQ(ref->Deref(), mine.get());
    EndTurn();
  }
}

// All of the latch's threads have come here. Their turns go on.
void AwaitAll(std::latch& latch, Mutator& mutator) {
  const BlockingRegion region(mutator);
  latch.arrive_and_wait();
}

struct Views {
  Member<NodeRef> first, second;
  WeakMember<Node> member;
  Member<IterableWeakMap<Node, int>> map;
  Member<WeakCache<int, Node>> cache;
};

// Two objects that refer to each other die as a set: from the first null on, whoever saw it, no
// view of either answers with an object.
TEST_F(ThreadsConformance, L3_AfterTheFirstNullNoViewInAnyThreadLeadsToTheDead) {
  constexpr int kReaders = 2;
  const std::size_t rounds = Scaled(30);
  for (std::size_t round = 0; round < rounds; round++) {
    const Persistent views(Make<Views>());
    auto first = NewNode();
    auto second = NewNode();
    first->next = second;
    second->next = first;
    views->first = Make<NodeRef>(first);
    views->second = Make<NodeRef>(second);
    views->member = first;
    views->map = Make<IterableWeakMap<Node, int>>();
    ASSERT_TRUE(views->map->Set(second, 1).ok());
    views->cache = Make<WeakCache<int, Node>>();
    views->cache->GetOrMake(1, [&](int) { return first.get(); });
    EndTurn();
    std::atomic<bool> seen_dead = false;
    std::latch reading(kReaders);
    RunBesideCycles(kReaders, [&](int thread, Mutator& mutator) {
      EXPECT_EQ(views->first->Deref(), first.get());
      AwaitAll(reading, mutator);
      if (thread == 0) first = second = nullptr;
      for (int i = 0; true; i++) {
        const bool was_dead = seen_dead;
        // A few real reads, which keep the targets for a while, and then only questions.
        const bool is_dead =
            i < 5 + thread ? views->first->Deref() == nullptr : views->second->IsCleared();
        ASSERT_TRUE(is_dead || !was_dead);
        if (is_dead) {
          seen_dead = true;
          ASSERT_EQ(views->first->Deref(), nullptr);
          ASSERT_EQ(views->second->Deref(), nullptr);
          ASSERT_EQ(views->member.Get(), nullptr);
          ASSERT_EQ(views->cache->Get(1), nullptr);
          ASSERT_EQ(views->map->size(), 0u);
          views->map->ForEach([](Node*, int) { FAIL() << "an entry of a dead key"; });
          return;
        }
        mutator.EndTurn(StackState::kNoPointers);
      }
    });
  }
}

TEST_F(ThreadsConformance, L4_AStormOfReadsNeitherBlocksACycleNorLosesAnObject) {
  constexpr std::uint64_t kCycles = 10;
  constexpr std::size_t kRefs = 100;
  constexpr int kReaders = 3;
  const Persistent refs(MakeArray<Member<NodeRef>>(kRefs));
  std::vector<Persistent<Node>> targets;
  for (std::size_t i = 0; i < kRefs; i++) {
    targets.push_back(NewNode(static_cast<int>(i)));
    targets.back()->next = Make<Node>(static_cast<int>(i));
    (*refs)[i] = Make<NodeRef>(targets.back());
  }
  EndTurn();
  std::latch reading(kReaders);
  RunBesideCycles(kReaders, [&](int thread, Mutator& mutator) {
    const auto count_read = [&] {
      std::size_t read = 0;
      for (std::size_t i = 0; i < kRefs; i++) {
        Node* const node = (*refs)[i]->Deref();
        if (node == nullptr) continue;
        EXPECT_EQ(node->value, static_cast<int>(i));
        EXPECT_EQ(node->next->value, static_cast<int>(i));
        read++;
      }
      for (std::size_t i = 0; i < kRefs; i++) Make<Node>(-1);  // takes the place of what is lost
      return read;
    };
    EXPECT_EQ(count_read(), kRefs);
    AwaitAll(reading, mutator);
    if (thread == 0) targets.clear();
    const std::uint64_t until = heap().Stats().cycles + kCycles;
    while (heap().Stats().cycles < until) {
      count_read();
      mutator.EndTurn(StackState::kNoPointers);
    }
  });
  CollectPrecisely();
  for (const Member<NodeRef>& ref : *refs) ASSERT_TRUE(ref->IsCleared());
}

}  // namespace
}  // namespace elegy::test
