// Objects made in blocks of which other objects live: a mutator claims more of their cells than it
// uses at once, and what it has claimed is neither lost, nor taken for an object.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

std::size_t g_destroyed = 0;

struct Link {
  explicit Link(std::size_t n, Link* last = nullptr) : number(n), next(last) {}
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { g_destroyed++; }
  void Trace(Visitor& visitor) const { visitor.Trace(next); }

  std::size_t number;
  Member<Link> next;
};

// Of kMade links every third lives: runs of two cells between them.
class MemoryFragmentsTest : public HeapTest {
 protected:
  static constexpr std::size_t kMade = 3000;
  static constexpr std::size_t kDead = 2000;

  MemoryFragmentsTest() {
    g_destroyed = 0;
    NoInline([this] {
      for (std::size_t i = 0; i < kMade; i++) {
        Link* const link = Make<Link>(i);
        if (i % 3 == 0) kept_.emplace_back(link);
      }
    });
    CollectPrecisely();
    EXPECT_EQ(g_destroyed, kDead);
  }

  // A list of so many new links.
  static Link* MakeList(std::size_t count) {
    Link* list = nullptr;
    for (std::size_t i = 0; i < count; i++) list = Make<Link>(i, list);
    return list;
  }
  static std::size_t LengthOf(const Link* list) {
    std::size_t length = 0;
    for (; list != nullptr; list = list->next.get()) length++;
    return length;
  }

 private:
  std::vector<Persistent<Link>> kept_;
};

TEST_F(MemoryFragmentsTest, WhatIsMadeInThemAfterTheScanLives) {
  NoInline([] { Make<Link>(kMade); });  // claims cells before the scan
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kStacksScanned);
  Link* const list = MakeList(kDead / 2);
  stepper.FinishCycle();
  EXPECT_EQ(LengthOf(list), kDead / 2);
  EXPECT_LE(g_destroyed, kDead + 1);  // the first one dies, unless a stale word names it
}

TEST_F(MemoryFragmentsTest, CellsThatWereNotUsedHoldNothing) {
  for (std::size_t i = 0; i < 5; i++) {
    NoInline([] { Make<Link>(kMade); });
    CollectPrecisely();
    EXPECT_EQ(g_destroyed, kDead + i + 1);
  }
}

TEST_F(MemoryFragmentsTest, CellsThatWereNotUsedInACycleHoldNothing) {
  for (std::size_t i = 0; i < 5; i++) {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(CycleStep::kStacksScanned);
    NoInline([] { Make<Link>(kMade); });
    stepper.FinishCycle();
    EXPECT_EQ(g_destroyed, kDead + i);
    CollectPrecisely();
    EXPECT_EQ(g_destroyed, kDead + i + 1);
  }
}

TEST_F(MemoryFragmentsTest, WhoDetachesInACycleLeavesNothingBehind) {
  for (std::size_t i = 0; i < 5; i++) {
    {
      CycleStepper stepper(heap());
      stepper.AdvanceTo(CycleStep::kStacksScanned);
      std::thread([this] {
        Mutator guest(heap());
        Make<Link>(kMade);
      }).join();
      stepper.FinishCycle();
    }
    CollectPrecisely();
    CollectPrecisely();
    EXPECT_EQ(g_destroyed, kDead + i + 1);
  }
}

}  // namespace
}  // namespace elegy::test
