// Weak reads of several threads while cycles run: they agree, and what they hand out is whole.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/last_store.h"

namespace elegy::test {
namespace {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;

constexpr std::uint64_t kSalt = 0x9E37'79B9'7F4A'7C15;

// A node with a checksum, of whose destruction nothing of it is left.
class Node {
 public:
  explicit Node(std::uint64_t id) : id_(id), check_(id * kSalt) {}
  ~Node() {
    LastStore(id_, ~std::uint64_t{0});
    LastStore(check_, ~std::uint64_t{0});
  }
  void Trace(Visitor& visitor) const { visitor.Trace(next); }
  bool IsIntact(std::uint64_t id) const { return id_ == id && check_ == id * kSalt; }

  Member<Node> next;

 private:
  std::uint64_t id_;
  std::uint64_t check_;
};

class Leaf {
 public:
  explicit Leaf(std::uint64_t id) : id_(id), check_(id * kSalt) {}
  bool IsIntact() const { return check_ == id_ * kSalt; }

 private:
  std::uint64_t id_;
  std::uint64_t check_;
};

struct LeafHolder {
  WeakMember<Leaf> weak;
};

}  // namespace
}  // namespace elegy::test

template <>
inline constexpr bool elegy::kHasNoSlots<elegy::test::Leaf> = true;

namespace elegy::test {
namespace {

class WeakThreadsTest : public HeapTest {
 public:
  // Runs the bodies, each on an attached thread, with this thread inside a BlockingRegion.
  void Run(const std::vector<std::function<void(Mutator&)>>& bodies) {
    BlockingRegion region(mutator());
    std::vector<std::thread> threads;
    for (const auto& body : bodies) {
      threads.emplace_back([this, &body] {
        Mutator attached(heap());
        body(attached);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
};

// More threads than cores: the collector's turn comes sooner if the readers let it.
void EndTurnAndYield(Mutator& reader, StackState stack = StackState::kNoPointers) {
  reader.EndTurn(stack);
  std::this_thread::yield();
}

constexpr int kTargets = 32;

// Targets that only weak references hold, and what has been seen of them.
class Storm {
 public:
  Storm() : refs_(MakeArray<Member<WeakRef<Node>>>(kTargets)) {
    for (std::uint64_t i = 0; i < kTargets; i++) {
      auto* const node = Make<Node>(i);
      node->next = Make<Node>(i + kTargets);
      (*refs_)[i] = Make<WeakRef<Node>>(node);
    }
  }

  // One read of a target. Once anybody has seen it cleared, nobody sees it again.
  void Read(std::size_t i) {
    const bool was_dead = seen_dead_[i].load();
    if (Node* const node = (*refs_)[i]->Deref()) {
      if (was_dead) risen_++;
      if (!node->IsIntact(i) || !node->next->IsIntact(i + kTargets)) broken_++;
    } else {
      seen_dead_[i] = true;
    }
  }

  bool AllCleared() const {
    for (const auto& ref : *refs_) {
      if (!ref->IsCleared()) return false;
    }
    return true;
  }
  int risen() const { return risen_; }
  int broken() const { return broken_; }

 private:
  const Persistent<Array<Member<WeakRef<Node>>>> refs_;
  std::array<std::atomic<bool>, kTargets> seen_dead_{};
  std::atomic<int> risen_{0};
  std::atomic<int> broken_{0};
};

TEST_F(WeakThreadsTest, StormOfDerefsDuringTermination) {
  constexpr int kRounds = 20;
  constexpr int kCycles = 20;
  for (int round = 0; round < kRounds; round++) {
    const auto storm = NoInline([] { return std::make_unique<Storm>(); });
    mutator().EndTurn(StackState::kNoPointers);
    std::atomic<bool> done{false};
    const auto read = [&](Mutator& reader) {
      for (std::size_t n = 0; !done; n++) {
        storm->Read(n % kTargets);
        if (n % 64 == 0) EndTurnAndYield(reader, StackState::kMayHoldPointers);
      }
    };
    Run({read, read, [&](Mutator&) {
           for (int i = 0; i < kCycles; i++) heap().Collect(StackState::kNoPointers);
           done = true;
         }});
    EXPECT_EQ(storm->risen(), 0);
    EXPECT_EQ(storm->broken(), 0);
    CollectPrecisely();
    EXPECT_TRUE(storm->AllCleared());
  }
}

// Each target is read half as often as the one before it, so that some die while they are read and
// others between two reads.
TEST_F(WeakThreadsTest, NoThreadSeesATargetThatAnotherHasSeenCleared) {
  constexpr int kRounds = 40;
  for (int round = 0; round < kRounds; round++) {
    const auto storm = NoInline([] { return std::make_unique<Storm>(); });
    mutator().EndTurn(StackState::kNoPointers);
    std::atomic<bool> done{false};
    const auto read = [&](Mutator& reader) {
      for (std::uint32_t n = 1; !done; n++) {
        storm->Read(static_cast<std::size_t>(std::countr_zero(n)));
        EndTurnAndYield(reader);
      }
      for (std::size_t i = 0; i < kTargets; i++) storm->Read(i);
    };
    Run({read, read, [&](Mutator&) {
           for (int i = 0; i < 4; i++) heap().Collect(StackState::kNoPointers);
           done = true;
         }});
    EXPECT_EQ(storm->risen(), 0);
    EXPECT_EQ(storm->broken(), 0);
    CollectPrecisely();
    EXPECT_TRUE(storm->AllCleared());
  }
}

// Every kind of weak view of one target, read by two threads: whoever sees one cleared makes all of
// them cleared for everybody.
TEST_F(WeakThreadsTest, AllKindsOfViewsAgreeAcrossThreads) {
  struct Views {
    Member<WeakRef<Node>> ref;
    WeakMember<Node> weak;
  };
  constexpr int kRounds = 50;
  for (int round = 0; round < kRounds; round++) {
    const Persistent<Views> views(Make<Views>());
    WeakPersistent<Node> outside;
    NoInline([&] {
      auto* const node = Make<Node>(1);
      node->next = Make<Node>(2);
      views->ref = Make<WeakRef<Node>>(node);
      views->weak = node;
      outside = node;
    });
    mutator().EndTurn(StackState::kNoPointers);
    std::atomic<bool> done{false};
    std::atomic<bool> seen_dead{false};
    std::atomic<int> risen{0};
    std::atomic<int> broken{0};
    const auto check = [&](Node* node, bool was_dead) {
      if (node == nullptr) seen_dead = true;
      if (node != nullptr && was_dead) risen++;
      if (node != nullptr && !(node->IsIntact(1) && node->next->IsIntact(2))) broken++;
    };
    const auto read = [&](Mutator& reader) {
      for (std::uint32_t n = 1; !done; n++) {
        const bool was_dead = seen_dead;
        if (views->ref->IsCleared()) seen_dead = true;
        if (was_dead && !views->ref->IsCleared()) risen++;
        // Ever more seldom, for a read brings the target back.
        if (std::has_single_bit(n)) {
          const int kind = std::countr_zero(n) % 3;
          if (kind == 0) check(views->ref->Deref(), was_dead);
          if (kind == 1) check(views->weak.Get(), was_dead);
          if (kind == 2) check(outside.Get(), was_dead);
        }
        EndTurnAndYield(reader);
      }
    };
    Run({read, read, [&](Mutator&) {
           for (int i = 0; i < 4; i++) heap().Collect(StackState::kNoPointers);
           done = true;
         }});
    EXPECT_EQ(risen, 0);
    EXPECT_EQ(broken, 0);
    CollectPrecisely();
    EXPECT_TRUE(views->ref->IsCleared());
  }
}

// A leaf is marked by a stack scan and by nothing else: a reader that took its mark before the
// phase would conclude that it is dead.
TEST_F(WeakThreadsTest, LeafOnAnotherStackIsNeverReadAsDead) {
  constexpr int kCycles = 500;
  constexpr int kLeaves = 16;
  const Persistent<Array<Member<WeakRef<Leaf>>>> refs(MakeArray<Member<WeakRef<Leaf>>>(kLeaves));
  const Persistent<Array<LeafHolder>> holders(MakeArray<LeafHolder>(kLeaves));
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::latch made(1);
  const auto own = [&](Mutator& owner) {
    std::array<Leaf*, kLeaves> leaves;
    for (std::uint64_t i = 0; i < kLeaves; i++) {
      leaves[i] = Make<Leaf>(i);
      (*refs)[i] = Make<WeakRef<Leaf>>(leaves[i]);
      (*holders)[i].weak = leaves[i];
    }
    owner.EndTurn();
    made.count_down();
    while (!done) {
      owner.Safepoint();
      std::this_thread::yield();
      for (Leaf* leaf : leaves) KeepAlive(leaf);
    }
    for (Leaf* leaf : leaves) wrong += leaf->IsIntact() ? 0 : 1;
  };
  const auto read = [&](Mutator& reader) {
    {
      BlockingRegion region(reader);
      made.wait();
    }
    for (std::size_t n = 0; !done; n = (n + 1) % kLeaves) {
      if ((*refs)[n]->IsCleared() || (*refs)[n]->RefersTo(nullptr)) wrong++;
      if ((*holders)[n].weak.Get() == nullptr) wrong++;
      EndTurnAndYield(reader);
    }
  };
  Run({own, read, [&](Mutator& collecting) {
         {
           BlockingRegion region(collecting);
           made.wait();
         }
         for (int i = 0; i < kCycles; i++) heap().Collect(StackState::kNoPointers);
         done = true;
       }});
  EXPECT_EQ(wrong, 0);
}

// The same, placed: the owner is blocked, and its stack is scanned in its place.
TEST_F(WeakThreadsTest, LeafOnABlockedStackIsAliveAtEveryStep) {
  std::latch made(1);
  std::latch done(1);
  Persistent<WeakRef<Leaf>> ref;
  WeakPersistent<Leaf> weak;
  std::atomic<bool> intact{false};
  std::thread owner([&] {
    Mutator attached(heap());
    Leaf* const leaf = Make<Leaf>(std::uint64_t{7});
    ref = Make<WeakRef<Leaf>>(leaf);
    weak = leaf;
    attached.EndTurn();
    {
      BlockingRegion region(attached);
      made.count_down();
      done.wait();
    }
    intact = leaf->IsIntact();
    KeepAlive(leaf);
  });
  {
    BlockingRegion region(mutator());
    made.wait();
  }
  {
    CycleStepper stepper(heap());
    for (int i = 0; i <= static_cast<int>(CycleStep::kSwept); i++) {
      stepper.AdvanceTo(static_cast<CycleStep>(i));
      EXPECT_FALSE(ref->IsCleared()) << i;
      EXPECT_FALSE(ref->RefersTo(nullptr)) << i;
      if (i >= static_cast<int>(CycleStep::kFlipped)) {
        EXPECT_TRUE(NoInline([&] { return weak.Get() != nullptr; })) << i;
      }
    }
  }
  done.count_down();
  {
    BlockingRegion region(mutator());
    owner.join();
  }
  EXPECT_TRUE(intact);
}

// Two threads read at one step of one cycle: both get the object, or neither. The thread that steps
// is not attached.
TEST(WeakThreadsAtStepsTest, TwoThreadsAgreeAtEveryStep) {
  for (int i = 0; i <= static_cast<int>(CycleStep::kSwept); i++) {
    const auto step = static_cast<CycleStep>(i);
    Heap heap(TestOptions());
    Persistent<WeakRef<Node>> ref;
    {
      Mutator attached(heap);
      ref = Make<WeakRef<Node>>(Make<Node>(std::uint64_t{99}));
    }
    std::array<std::atomic<bool>, 2> saw{};
    std::atomic<bool> cleared{false};
    {
      CycleStepper stepper(heap);
      stepper.AdvanceTo(step);
      std::vector<std::thread> threads;
      for (auto& mine : saw) {
        threads.emplace_back([&] {
          Mutator attached(heap);
          Node* const node = ref->Deref();
          mine = node != nullptr && node->IsIntact(99);
        });
      }
      for (std::thread& thread : threads) thread.join();
    }
    std::thread([&] {
      Mutator attached(heap);
      cleared = ref->IsCleared();
    }).join();
    const bool alive = step < CycleStep::kFlipped;
    EXPECT_EQ(saw[0], alive) << i;
    EXPECT_EQ(saw[1], alive) << i;
    EXPECT_EQ(cleared, !alive) << i;
  }
}

}  // namespace
}  // namespace elegy::test
