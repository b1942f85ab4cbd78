// All weak views of one dead object flip together: for each pair of kinds, with the cycle stopped
// after the flip, after clearing and after queueing, both read dead; and what a read of one kind
// brings back before the flip is alive for the other kind.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tuple>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;
using ::testing::Combine;
using ::testing::Values;

struct Node {
  Member<Node> next;
  int value = 0;
};

// One weak view of one node, as a program sees it.
class View {
 public:
  virtual ~View() = default;
  // After the flip, at this step: the node is dead.
  virtual void ExpectDead(CycleStep step) = 0;
  // The node, a handle to which is `node`, is alive.
  virtual void ExpectAlive(const Persistent<Node>& node) = 0;
  // Reads the node before the flip; null if this kind cannot hand it out.
  virtual Node* Read() { return nullptr; }
  // The kind's callback, if it has one, calls this.
  std::function<void()> in_callback = [] {};
};

class RefView final : public View {
 public:
  explicit RefView(Node* node) : ref_(Make<WeakRef<Node>>(node)) {}
  void ExpectDead(CycleStep) override {
    EXPECT_TRUE(ref_->IsCleared());
    EXPECT_TRUE(ref_->RefersTo(nullptr));
    EXPECT_EQ(ref_->Deref(), nullptr);
  }
  void ExpectAlive(const Persistent<Node>& node) override {
    EXPECT_FALSE(ref_->IsCleared());
    EXPECT_TRUE(ref_->RefersTo(node));
    EXPECT_EQ(ref_->Deref(), node);
  }
  Node* Read() override { return ref_->Deref(); }

 private:
  const Persistent<WeakRef<Node>> ref_;
};

class MemberView final : public View {
 public:
  explicit MemberView(Node* node) : holder_(Make<Holder>()) { holder_->weak = node; }
  void ExpectDead(CycleStep) override { EXPECT_EQ(holder_->weak.Get(), nullptr); }
  void ExpectAlive(const Persistent<Node>& node) override { EXPECT_EQ(holder_->weak.Get(), node); }
  Node* Read() override { return holder_->weak.Get(); }

 private:
  struct Holder {
    WeakMember<Node> weak;
  };
  const Persistent<Holder> holder_;
};

class PersistentView final : public View {
 public:
  explicit PersistentView(Node* node) : weak_(node) {}
  void ExpectDead(CycleStep) override { EXPECT_EQ(weak_.Get(), nullptr); }
  void ExpectAlive(const Persistent<Node>& node) override { EXPECT_EQ(weak_.Get(), node); }
  Node* Read() override { return weak_.Get(); }

 private:
  const WeakPersistent<Node> weak_;
};

// Nobody can ask a WeakMap for a dead key; but its value, which nothing else holds, dies with it.
class MapView final : public View {
 public:
  explicit MapView(Node* node) : map_(Make<WeakMap<Node, Member<Node>>>()) {
    const Persistent<Node> key(node);
    const Persistent<Node> value(Make<Node>(key.get()));
    to_value_ = Make<WeakRef<Node>>(value.get());
    EXPECT_TRUE(map_->Set(key, value.get()).ok());
  }
  void ExpectDead(CycleStep) override { EXPECT_EQ(to_value_->Deref(), nullptr); }
  void ExpectAlive(const Persistent<Node>& node) override {
    EXPECT_TRUE(map_->Has(node));
    EXPECT_EQ(map_->Get(node), to_value_->Deref());
    EXPECT_EQ(map_->Get(node)->next, node);
  }
  Node* Read() override { return to_value_->Deref()->next; }

 private:
  const Persistent<WeakMap<Node, Member<Node>>> map_;
  Persistent<WeakRef<Node>> to_value_;
};

// Of a dead element of a WeakSet nothing is to be seen but the number of cells cleared.
class SetView final : public View {
 public:
  SetView(Heap& heap, Node* node) : heap_(heap), set_(Make<WeakSet<Node>>()) {
    EXPECT_TRUE(set_->Add(node).ok());
    cleared_before_ = heap_.Stats().cells_cleared;
  }
  void ExpectDead(CycleStep step) override {
    if (step < CycleStep::kCellsCleared) return;
    EXPECT_GT(heap_.Stats().cells_cleared, cleared_before_);
  }
  void ExpectAlive(const Persistent<Node>& node) override { EXPECT_TRUE(set_->Has(node)); }

 private:
  Heap& heap_;
  const Persistent<WeakSet<Node>> set_;
  std::uint64_t cleared_before_;
};

class IterableView final : public View {
 public:
  explicit IterableView(Node* node) : map_(Make<IterableWeakMap<Node, int>>()) {
    EXPECT_TRUE(map_->Set(node, 1).ok());
  }
  void ExpectDead(CycleStep) override {
    EXPECT_EQ(map_->size(), 0u);
    EXPECT_EQ(Read(), nullptr);
  }
  void ExpectAlive(const Persistent<Node>& node) override {
    EXPECT_EQ(map_->size(), 1u);
    EXPECT_EQ(Read(), node);
    EXPECT_EQ(map_->Get(node), 1);
  }
  Node* Read() override {
    Node* found = nullptr;
    map_->ForEach([&](Node* key, int) { found = key; });
    return found;
  }

 private:
  const Persistent<IterableWeakMap<Node, int>> map_;
};

class CacheView final : public View {
 public:
  explicit CacheView(Node* node) : cache_(Make<WeakCache<std::string, Node>>()) {
    EXPECT_EQ(cache_->GetOrMake("key", [&](const std::string&) { return node; }), node);
  }
  void ExpectDead(CycleStep) override {
    EXPECT_EQ(cache_->Get("key"), nullptr);
    EXPECT_EQ(cache_->size(), 0u);
  }
  void ExpectAlive(const Persistent<Node>& node) override {
    EXPECT_EQ(cache_->Get("key"), node);
    EXPECT_EQ(cache_->size(), 1u);
  }
  Node* Read() override { return cache_->Get("key"); }

 private:
  const Persistent<WeakCache<std::string, Node>> cache_;
};

class RegistryView final : public View {
 public:
  explicit RegistryView(Node* node) {
    const Persistent<Node> target(node);
    registry_ = Make<FinalizationRegistry<int>>([this](int) {
      calls_++;
      in_callback();
    });
    EXPECT_TRUE(registry_->Register(target, 0).ok());
  }
  void ExpectDead(CycleStep step) override {
    registry_->CleanupSome();
    EXPECT_EQ(calls_, step < CycleStep::kRecordsQueued ? 0 : 1);
  }
  void ExpectAlive(const Persistent<Node>&) override {
    registry_->CleanupSome();
    EXPECT_EQ(calls_, 0);
  }

 private:
  Persistent<FinalizationRegistry<int>> registry_;
  int calls_ = 0;
};

enum class Kind { kRef, kMember, kPersistent, kMap, kSet, kIterable, kCache, kRegistry };

constexpr const char* NameOf(Kind kind) {
  constexpr const char* kNames[] = {"WeakRef", "WeakMember",      "WeakPersistent", "WeakMap",
                                    "WeakSet", "IterableWeakMap", "WeakCache",      "Registry"};
  return kNames[static_cast<int>(kind)];
}

// Only handles are roots.
template <class Param>
class ViewsTest : public HeapTest, public ::testing::WithParamInterface<Param> {
 public:
  ViewsTest() : HeapTest({.conservative_stacks = false}) {}

  std::unique_ptr<View> NewView(Kind kind, Node* node) {
    switch (kind) {
      case Kind::kRef:
        return std::make_unique<RefView>(node);
      case Kind::kMember:
        return std::make_unique<MemberView>(node);
      case Kind::kPersistent:
        return std::make_unique<PersistentView>(node);
      case Kind::kMap:
        return std::make_unique<MapView>(node);
      case Kind::kSet:
        return std::make_unique<SetView>(heap(), node);
      case Kind::kIterable:
        return std::make_unique<IterableView>(node);
      case Kind::kCache:
        return std::make_unique<CacheView>(node);
      case Kind::kRegistry:
        return std::make_unique<RegistryView>(node);
    }
    return nullptr;
  }

  // Two views, and nothing else that refers to the nodes: of one node, or the second one of a node
  // to which the first one's refers.
  void MakeViews(Kind first, Kind second, bool of_one_node) {
    const Persistent<Node> tail(Make<Node>());
    const Persistent<Node> head(Make<Node>(tail.get()));
    first_ = NewView(first, head);
    second_ = NewView(second, of_one_node ? head : tail);
    mutator().EndTurn();
  }

  void ExpectBothDeadAt(CycleStep step) {
    first_->in_callback = [this] { second_->ExpectDead(CycleStep::kRecordsQueued); };
    second_->in_callback = [this] { first_->ExpectDead(CycleStep::kRecordsQueued); };
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    first_->ExpectDead(step);
    second_->ExpectDead(step);
    first_->ExpectDead(step);
    stepper.FinishCycle();
    first_->ExpectDead(CycleStep::kSwept);
    second_->ExpectDead(CycleStep::kSwept);
  }

 protected:
  std::unique_ptr<View> first_;
  std::unique_ptr<View> second_;
};

using DeadParam = std::tuple<Kind, Kind, CycleStep>;

class WeakViewsDieTogetherTest : public ViewsTest<DeadParam> {};

TEST_P(WeakViewsDieTogetherTest, OfOneObject) {
  const auto [first, second, step] = GetParam();
  MakeViews(first, second, /*of_one_node=*/true);
  ExpectBothDeadAt(step);
}

TEST_P(WeakViewsDieTogetherTest, OfADeadObjectAndWhatItAloneRefersTo) {
  const auto [first, second, step] = GetParam();
  MakeViews(first, second, /*of_one_node=*/false);
  ExpectBothDeadAt(step);
}

constexpr auto kAllKinds = [] {
  return Values(Kind::kRef, Kind::kMember, Kind::kPersistent, Kind::kMap, Kind::kSet,
                Kind::kIterable, Kind::kCache, Kind::kRegistry);
};

std::string DeadName(const ::testing::TestParamInfo<DeadParam>& info) {
  const auto [first, second, step] = info.param;
  const char* const at = step == CycleStep::kFlipped        ? "Flipped"
                         : step == CycleStep::kCellsCleared ? "CellsCleared"
                                                            : "RecordsQueued";
  return std::string(NameOf(first)) + "And" + NameOf(second) + "At" + at;
}

INSTANTIATE_TEST_SUITE_P(Pairs, WeakViewsDieTogetherTest,
                         Combine(kAllKinds(), kAllKinds(),
                                 Values(CycleStep::kFlipped, CycleStep::kCellsCleared,
                                        CycleStep::kRecordsQueued)),
                         DeadName);

using AliveParam = std::tuple<Kind, Kind>;

class WeakViewsLiveTogetherTest : public ViewsTest<AliveParam> {};

TEST_P(WeakViewsLiveTogetherTest, OnceOneHasBeenReadBeforeTheFlip) {
  const auto [first, second] = GetParam();
  MakeViews(first, second, /*of_one_node=*/true);
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kMarked);
  Node* const read = first_->Read();
  ASSERT_NE(read, nullptr);
  mutator().EndTurn();
  stepper.AdvanceTo(CycleStep::kFlipped);
  // Taken only now: a handle would have kept it.
  const Persistent<Node> node(read);
  second_->ExpectAlive(node);
  stepper.FinishCycle();
  second_->ExpectAlive(node);
  first_->ExpectAlive(node);
}

std::string AliveName(const ::testing::TestParamInfo<AliveParam>& info) {
  const auto [first, second] = info.param;
  return std::string(NameOf(first)) + "Then" + NameOf(second);
}

INSTANTIATE_TEST_SUITE_P(Pairs, WeakViewsLiveTogetherTest,
                         Combine(Values(Kind::kRef, Kind::kMember, Kind::kPersistent, Kind::kMap,
                                        Kind::kIterable, Kind::kCache),
                                 kAllKinds()),
                         AliveName);

}  // namespace
}  // namespace elegy::test
