// Pointers that do not belong: of another heap, or of none.

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

struct Node {
  std::int64_t value = 0;
  Member<Node> next;
  WeakMember<Node> weak;
};

constexpr char kOther[] = "elegy: a pointer of another heap";
constexpr char kNone[] = "elegy: a pointer to an object that is in no heap";

// This thread is attached to the fixture's heap; `foreign_` is another heap's, `local_` nobody's.
class ForeignPointerDeathTest : public HeapTest {
 protected:
  ForeignPointerDeathTest() {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const BlockingRegion region(mutator());
    std::thread([this] {
      const Mutator guest(other_);
      foreign_ = Make<Node>();
      foreign_->weak = foreign_.get();
      foreign_reference_ = Make<WeakRef<Node>>(foreign_.get());
      foreign_map_ = Make<WeakMap<Node, int>>();
      EXPECT_TRUE(foreign_map_->Set(foreign_.get(), 1).ok());
      foreign_ordered_ = Make<IterableWeakMap<Node, int>>();
      foreign_cache_ = Make<WeakCache<int, Node>>();
      foreign_registry_ = Make<FinalizationRegistry<int>>([](int) {});
    }).join();
  }

  Heap other_{TestOptions()};
  Persistent<Node> foreign_;
  Persistent<WeakRef<Node>> foreign_reference_;
  Persistent<WeakMap<Node, int>> foreign_map_;
  Persistent<IterableWeakMap<Node, int>> foreign_ordered_;
  Persistent<WeakCache<int, Node>> foreign_cache_;
  Persistent<FinalizationRegistry<int>> foreign_registry_;
  Node local_;
};

TEST_F(ForeignPointerDeathTest, WeakReferences) {
  EXPECT_DEATH(Make<WeakRef<Node>>(foreign_.get()), kOther);
  EXPECT_DEATH(Make<WeakRef<Node>>(&local_), kNone);
}

TEST_F(ForeignPointerDeathTest, WeakMembers) {
  const Persistent<Node> node = Make<Node>();
  EXPECT_DEATH(node->weak = foreign_.get(), kOther);
  EXPECT_DEATH(node->weak = &local_, kNone);
}

TEST_F(ForeignPointerDeathTest, RegisteredTargetsAndTokens) {
  const Persistent<Node> node = Make<Node>();
  const auto registry = Persistent(Make<FinalizationRegistry<int>>([](int) {}));
  EXPECT_DEATH(registry->Register(foreign_, 1).IgnoreError(), kOther);
  EXPECT_DEATH(registry->Register(&local_, 1).IgnoreError(), kNone);
  EXPECT_DEATH(registry->Register(node, 1, foreign_).IgnoreError(), kOther);
  EXPECT_DEATH(registry->Register(node, 1, &local_).IgnoreError(), kNone);
  EXPECT_DEATH(registry->Track(foreign_, 1).IgnoreError(), kOther);
  EXPECT_DEATH(registry->Unregister(foreign_).IgnoreError(), kOther);
}

TEST_F(ForeignPointerDeathTest, KeysOfWeakCollections) {
  const auto map = Persistent(Make<WeakMap<Node, int>>());
  EXPECT_DEATH(map->Set(foreign_, 1).IgnoreError(), kOther);
  EXPECT_DEATH(map->Set(&local_, 1).IgnoreError(), kNone);
  EXPECT_DEATH(map->Get(foreign_), kOther);
  EXPECT_DEATH(map->GetOrInsert(foreign_, 1).IgnoreError(), kOther);
  const auto set = Persistent(Make<WeakSet<Node>>());
  EXPECT_DEATH(set->Add(foreign_).IgnoreError(), kOther);
  const auto ordered = Persistent(Make<IterableWeakMap<Node, int>>());
  EXPECT_DEATH(ordered->Set(foreign_, 1).IgnoreError(), kOther);
  const auto cache = Persistent(Make<WeakCache<std::string, Node>>());
  EXPECT_DEATH(cache->GetOrMake("key", [&](const std::string&) { return foreign_.get(); }), kOther);
}

TEST_F(ForeignPointerDeathTest, HandlesNeedAHeap) {
  constexpr char kMessage[] = "elegy: a handle to an object that is in no heap";
  const auto owned = std::make_unique<Node>();
  EXPECT_DEATH(const Persistent<Node> root(owned.get()), kMessage);
  EXPECT_DEATH(const Persistent<Node> root(&local_), kMessage);
  EXPECT_DEATH(const WeakPersistent<Node> weak(&local_), kMessage);
  Persistent<Node> assigned = Make<Node>();
  EXPECT_DEATH(assigned = &local_, kMessage);
}

// A pointer of another heap in a slot is found when it is traced.
TEST_F(ForeignPointerDeathTest, Slots) {
  constexpr char kMessage[] = "elegy: a slot holds a pointer to an object of another heap";
  const auto collect = [&](Node* target) {
    const Persistent<Node> node = Make<Node>();
    node->next = target;
    heap().Collect();
  };
  EXPECT_DEATH(collect(foreign_.get()), kMessage);
  EXPECT_DEATH(collect(&local_), kMessage);
}

TEST_F(ForeignPointerDeathTest, HeldValuesAndMapValues) {
  constexpr char kMessage[] = "elegy: a slot holds a pointer to an object of another heap";
  const Persistent<Node> node = Make<Node>();
  const auto registry = Persistent(Make<FinalizationRegistry<Member<Node>>>([](Node*) {}));
  const auto map = Persistent(Make<WeakMap<Node, Member<Node>>>());
  const auto hold = [&] {
    registry->Register(node, foreign_.get()).IgnoreError();
    heap().Collect();
  };
  EXPECT_DEATH(hold(), kMessage);
  const auto set = [&] {
    map->Set(node, foreign_.get()).IgnoreError();
    heap().Collect();
  };
  EXPECT_DEATH(set(), kMessage);
}

// While the other heap marks, a store into one of its slots would need its barrier.
TEST_F(ForeignPointerDeathTest, StoresIntoAnotherHeapsSlots) {
  const auto store = [&] {
    CycleStepper stepper(other_);
    stepper.AdvanceTo(CycleStep::kStacksScanned);
    foreign_->next = nullptr;
  };
  EXPECT_DEATH(store(), "elegy: a store to a slot of another heap");
  Detach();
  EXPECT_DEATH(store(), "elegy: this thread is not attached");
}

// Its mutators may free what this thread reads in without asking it.
TEST_F(ForeignPointerDeathTest, WeakCollectionsOfAnotherHeap) {
  constexpr char kMessage[] = "elegy: a weak collection of another heap";
  const Persistent<Node> node = Make<Node>();
  EXPECT_DEATH(foreign_map_->Has(node.get()), kMessage);
  EXPECT_DEATH(foreign_map_->Has(foreign_.get()), kMessage);
  EXPECT_DEATH(foreign_map_->Set(node.get(), 1).IgnoreError(), kMessage);
  EXPECT_DEATH(foreign_ordered_->Clear(), kMessage);
  EXPECT_DEATH(foreign_ordered_->size(), kMessage);
  EXPECT_DEATH(foreign_ordered_->ForEach([](Node*, int) {}), kMessage);
  EXPECT_DEATH(foreign_cache_->Get(1), kMessage);
  EXPECT_DEATH(foreign_cache_->GetOrMake(1, [](int) { return Make<Node>(); }), kMessage);
  EXPECT_DEATH(foreign_cache_->size(), kMessage);
}

TEST_F(ForeignPointerDeathTest, RegistriesOfAnotherHeap) {
  constexpr char kMessage[] = "elegy: a finalization registry of another heap";
  const Persistent<Node> node = Make<Node>();
  EXPECT_DEATH(foreign_registry_->Register(node, 1).IgnoreError(), kMessage);
  EXPECT_DEATH(foreign_registry_->Register(node, 1, node).IgnoreError(), kMessage);
  EXPECT_DEATH(foreign_registry_->Unregister(node).IgnoreError(), kMessage);
}

// Whatever this thread's own heap is doing.
TEST_F(ForeignPointerDeathTest, WeakReadsOfAnotherHeap) {
  EXPECT_DEATH(foreign_reference_->Deref(), "elegy: .*another heap");
  const auto read_at = [this](CycleStep step, auto read) {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    read();
  };
  const auto get = [this] { foreign_->weak.Get(); };
  const auto is_cleared = [this] { foreign_reference_->IsCleared(); };
  const auto refers_to = [this] { foreign_reference_->RefersTo(nullptr); };
  EXPECT_DEATH(get(), kOther);
  EXPECT_DEATH(is_cleared(), kOther);
  EXPECT_DEATH(refers_to(), kOther);
  EXPECT_DEATH(read_at(CycleStep::kStacksScanned, get), kOther);
  EXPECT_DEATH(read_at(CycleStep::kFlipped, get), kOther);
  EXPECT_DEATH(read_at(CycleStep::kFlipped, is_cleared), kOther);
  EXPECT_DEATH(read_at(CycleStep::kFlipped, refers_to), kOther);
  const WeakPersistent<Node> weak = foreign_.get();
  EXPECT_DEATH(weak.Get(), "elegy: .*not attached to its target's heap");
  WeakPersistent<Node> reassigned = Make<Node>();
  EXPECT_NE(reassigned.Get(), nullptr);
  reassigned = foreign_.get();
  EXPECT_DEATH(reassigned.Get(), "elegy: .*not attached to its target's heap");
}

}  // namespace
}  // namespace elegy::test
