// Pointers that move while the marker looks elsewhere: from places that it has not seen to places
// that it has, and through the hands of threads that have been scanned already.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "elegy/elegy.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

struct Leaf {
  Leaf(std::uint64_t id, Census& census) : counted(id, census) {}
  void Trace(Visitor&) const {}
  Counted counted;
};
struct Box {
  AtomicMember<Leaf> slot;
};
using Boxes = Array<Member<Box>>;

class HiddenPointerTest : public StressTest, public ::testing::WithParamInterface<bool> {
 public:
  HiddenPointerTest() : StressTest(Options()) {}

  static constexpr std::size_t kBoxes = 64;

  void MakeBoxes(std::size_t leaves) {
    RunThreads(1, [&](int) {
      Mutator mutator(heap());
      boxes_ = MakeArray<Member<Box>>(kBoxes);
      for (std::size_t i = 0; i < kBoxes; i++) {
        Box* const box = Make<Box>();
        if (i < leaves) box->slot.store(Make<Leaf>(i + 1, census_));
        (*boxes_)[i] = box;
      }
    });
  }
  AtomicMember<Leaf>& SlotAt(std::size_t i) { return (*boxes_)[i]->slot; }

  void CheckAndDrop(std::size_t leaves) {
    EXPECT_EQ(census_.destroyed, 0u);
    std::uint64_t found = 0;
    for (std::size_t i = 0; i < kBoxes; i++) {
      if (const Leaf* const leaf = SlotAt(i)) found += leaf->counted.id();
    }
    EXPECT_EQ(found, leaves * (leaves + 1) / 2);
    boxes_ = nullptr;
    CollectEverything();
    EXPECT_EQ(census_.made, census_.destroyed);
  }

  Persistent<Boxes>& boxes() { return boxes_; }

 private:
  static HeapOptions Options() {
    HeapOptions options;
    options.verify = GetParam();
    options.marker_threads = 2;
    return options;
  }

  Census census_;
  Persistent<Boxes> boxes_;
};

INSTANTIATE_TEST_SUITE_P(Verified, HiddenPointerTest, ::testing::Bool(), [](const auto& tested) {
  return std::string(tested.param ? "Verified" : "Plain");
});

// A fixed set of leaves wanders by exchanges: each is in exactly one slot or in one hand.
TEST_P(HiddenPointerTest, LeavesWander) {
  constexpr std::size_t kLeaves = 40;
  constexpr int kThreads = 6;
  MakeBoxes(kLeaves);
  {
    BackToBackCycles cycles(heap());
    RunThreads(kThreads, [&](int thread) {
      Mutator mutator(heap());
      Random random(static_cast<std::uint64_t>(thread));
      Leaf* hand = nullptr;
      while ((cycles.GoOn(Scaled(1500), random) || hand != nullptr) && !HasFatalFailure()) {
        AtomicMember<Leaf>& slot = SlotAt(random.Below(kBoxes));
        if (hand == nullptr) {
          hand = slot.exchange(nullptr);
        } else {
          ASSERT_NE(hand->counted.id(), 0u);
          hand = slot.exchange(hand);
        }
        if (random.OneIn(16)) mutator.Safepoint();
      }
    });
  }
  CheckAndDrop(kLeaves);
}

// Each thread owns some slots, and moves its leaves by load, store and clearing, into new boxes,
// which are black while marking.
TEST_P(HiddenPointerTest, LeavesMoveIntoNewBoxes) {
  constexpr std::size_t kThreads = 4;
  constexpr std::size_t kOwn = kBoxes / kThreads;
  MakeBoxes(kBoxes);
  {
    BackToBackCycles cycles(heap());
    RunThreads(kThreads, [&](int thread) {
      Mutator mutator(heap());
      const std::size_t first = static_cast<std::size_t>(thread) * kOwn;
      Random random(first);
      while (cycles.GoOn(Scaled(1500), random) && !HasFatalFailure()) {
        const std::size_t from = first + random.Below(kOwn);
        const std::size_t to = first + random.Below(kOwn);
        Leaf* const one = SlotAt(from).load();
        Leaf* const other = SlotAt(to).load();
        SlotAt(from).store(nullptr);
        SlotAt(to).store(nullptr);
        if (random.OneIn(4)) mutator.Safepoint();
        ASSERT_NE(one->counted.id(), 0u);
        ASSERT_NE(other->counted.id(), 0u);
        Box* const box = Make<Box>(one);
        SlotAt(from).store(other);
        if (from != to) (*boxes())[to] = box;
      }
    });
  }
  CheckAndDrop(kBoxes);
}

}  // namespace
}  // namespace elegy::test
