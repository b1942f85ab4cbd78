// Handles made, copied, assigned and destroyed by attached threads and others during cycles, and
// several heaps at once.

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

struct Node {
  Node(std::uint64_t id, Census& census) : counted(id, census) {}
  void Trace(Visitor& visitor) const { visitor.Trace(next); }
  Counted counted;
  Member<Node> next;
};

// Places that hold a handle each, guarded one by one. The objects of a place have its number.
class Places {
 public:
  explicit Places(std::size_t count) : places_(count) {}

  std::size_t size() const { return places_.size(); }
  template <class F>
  void With(std::size_t i, F&& f) {
    const std::lock_guard lock(places_[i].mutex);
    f(places_[i].handle, places_[i].weak);
  }

 private:
  struct Place {
    std::mutex mutex;
    Persistent<Node> handle;
    WeakPersistent<Node> weak;
  };
  std::vector<Place> places_;
};

class PersistentStressTest : public StressTest {
 public:
  // What any thread may do, attached or not.
  static void ActAnywhere(Places& places, Random& random, std::array<Persistent<Node>, 4>& own) {
    const std::size_t i = random.Below(places.size());
    Persistent<Node>& mine = own[random.Below(own.size())];
    switch (random.Below(4)) {
      case 0:
        places.With(i, [&](auto& handle, auto&) { mine = handle; });
        break;
      case 1:
        places.With(i, [&](auto& handle, auto&) {
          const Persistent<Node> copy = handle;
          mine = std::exchange(handle, nullptr);
          handle = copy;
        });
        break;
      case 2:
        places.With(i, [&](auto& handle, auto&) { handle = Persistent<Node>(handle.get()); });
        break;
      default:
        mine = nullptr;
    }
    for (const Persistent<Node>& one : own) {
      ASSERT_TRUE(!one || one->counted.id() != 0);
    }
  }

  // What only a mutator does: new objects, moved about between handles, slots and weak handles.
  void ActAttached(Places& places, Random& random) {
    const std::size_t i = random.Below(places.size());
    const std::uint64_t id = i + 1;
    // Not under the place's lock: the verifier would hold its owner, and wait for those who wait.
    Node* const node = Make<Node>(id, census_);
    places.With(i, [&](auto& handle, auto& weak) {
      Node* const before = handle;
      if (before != nullptr) {
        ASSERT_EQ(before->counted.id(), id);
      }
      if (Node* const seen = weak.Get()) {
        ASSERT_EQ(seen->counted.id(), id);
      }
      node->next = before;
      if (before != nullptr) before->next = nullptr;
      handle = node;
      weak = before;
      if (before != nullptr) {
        ASSERT_EQ(before->counted.id(), id);
      }
    });
  }

  Census& census() { return census_; }

 private:
  Census census_;
};

TEST_F(PersistentStressTest, HandlesOfAllThreads) {
  Places places(12);
  {
    BackToBackCycles cycles(heap());
    RunThreads(6, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      std::array<Persistent<Node>, 4> own;
      const bool attached = thread % 2 == 0;
      std::optional<Mutator> mutator;
      if (attached) mutator.emplace(heap());
      while (cycles.GoOn(Scaled(1000), random) && !HasFatalFailure()) {
        ActAnywhere(places, random, own);
        if (attached) {
          ActAttached(places, random);
          if (random.OneIn(4)) mutator->EndTurn();
        }
      }
    });
  }
  for (std::size_t i = 0; i < places.size(); i++) {
    places.With(i, [&](auto& handle, auto&) {
      for (const Node* node = handle; node != nullptr; node = node->next) {
        EXPECT_EQ(node->counted.id(), i + 1);
      }
      handle = nullptr;
    });
  }
  CollectEverything();
  EXPECT_EQ(census().made, census().destroyed);
}

// Two heaps with their own mutators, and threads that go from one to the other; handles to objects
// of both, some of which outlive their heap.
TEST(SeveralHeapsTest, EachCollectsItsOwn) {
  constexpr std::size_t kHeaps = 3;
  std::array<Census, kHeaps> census;
  std::array<std::unique_ptr<Heap>, kHeaps> heaps;
  std::array<Persistent<Node>, kHeaps> survivors;
  for (auto& heap : heaps) heap = std::make_unique<Heap>(TestOptions());
  {
    BackToBackCycles first(*heaps[0]);
    BackToBackCycles second(*heaps[1]);
    BackToBackCycles third(*heaps[2]);
    RunThreads(6, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      while ((first.GoOn(Scaled(300), random) || second.GoOn(Scaled(300), random) ||
              third.GoOn(Scaled(300), random)) &&
             !::testing::Test::HasFatalFailure()) {
        const std::size_t h = random.Below(kHeaps);
        Mutator mutator(*heaps[h]);
        Node* list = nullptr;
        Node* const last = Make<Node>(1, census[h]);
        for (std::uint64_t id = 2; id < 30; id++) {
          Node* const node = Make<Node>(id, census[h]);
          node->next = list == nullptr ? last : list;
          list = node;
          if (random.OneIn(8)) mutator.Safepoint();
        }
        std::uint64_t id = 29;
        for (const Node* node = list; node != nullptr; node = node->next) {
          ASSERT_EQ(node->counted.id(), id--);
        }
      }
    });
  }
  for (std::size_t h = 0; h < kHeaps; h++) {
    RunThreads(1, [&](int) {
      Mutator mutator(*heaps[h]);
      survivors[h] = Make<Node>(5, census[h]);
    });
    heaps[h]->Collect();
    EXPECT_EQ(census[h].made, census[h].destroyed + 1);
    EXPECT_EQ(survivors[h]->counted.id(), 5u);
    heaps[h].reset();
    EXPECT_EQ(census[h].made, census[h].destroyed);
    EXPECT_EQ(survivors[h].get(), nullptr);
  }
}

}  // namespace
}  // namespace elegy::test
