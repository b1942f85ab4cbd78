// Dead objects that are used all the same, under AddressSanitizer; in other builds nobody notices.

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "elegy/elegy.h"
#include "tests/misuse/poisoned_plain_node.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

struct Node {
  std::int64_t value = 0;
};

struct Named {
  std::unique_ptr<std::int64_t> number;
};

std::int64_t g_heard = 0;

// Says in its destructor what its neighbour's value was.
struct Gossip {
  ~Gossip() {
    if (neighbour != nullptr) g_heard += neighbour->value;
  }

  std::int64_t value = 1;
  Member<Gossip> neighbour;
};

struct Child;
struct Parent {
  Parent() : child(Make<Child>()) {}
  void Trace(Visitor& visitor) const { visitor.Trace(child); }

  Member<Child> child;
};
struct Child {
  std::int64_t value = 3;
};

constexpr char kReport[] = "AddressSanitizer: use-after-poison";

class PoisonedObjectDeathTest : public HeapTest {
 protected:
  PoisonedObjectDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  // A pointer that no one traces, to an object that has died.
  template <class F>
  auto DeadOf(F&& make) {
    using Pointer = decltype(make());
    auto kept = std::make_unique<Pointer>();
    NoInline([&] { *kept = make(); });
    CollectPrecisely();
    return kept;
  }
};

TEST_F(PoisonedObjectDeathTest, AnObjectWithoutADestructor) {
  const auto node = DeadOf([] { return Make<Node>(); });
  EXPECT_DEATH((*node)->value = 1, kReport);
}

TEST_F(PoisonedObjectDeathTest, AnObjectWithADestructor) {
  const auto named = DeadOf([] { return Make<Named>(std::make_unique<std::int64_t>(7)); });
  EXPECT_DEATH((*named)->number = nullptr, kReport);
}

// The dead one's cell is not the next object's, which is in a run of free cells that begins at it:
// only what is made makes its own cell usable.
TEST_F(PoisonedObjectDeathTest, ANeighbourOfWhatIsMadeAnew) {
  const auto second = DeadOf([] {
    Make<Node>();
    return Make<Node>();
  });
  const Persistent<Node> first = Make<Node>();
  ASSERT_EQ(first.get() + 2, *second)
      << "cells of 16 bytes, claimed in the order of their addresses";
  first->value = 1;
  EXPECT_DEATH((*second)->value = 1, kReport);
}

TEST_F(PoisonedObjectDeathTest, AnElementOfAnArray) {
  const auto small = DeadOf([] { return &(*MakeArray<std::int64_t>(10))[9]; });
  EXPECT_DEATH(** small = 1, kReport);
  const auto large = DeadOf([] { return &(*MakeArray<std::int64_t>(100'000))[99'999]; });
  EXPECT_DEATH(** large = 1, kReport);
}

TEST_F(PoisonedObjectDeathTest, AnotherDeadObjectInADestructor) {
  EXPECT_DEATH(
      {
        NoInline([] {
          auto* const first = Make<Gossip>();
          auto* const second = Make<Gossip>();
          first->neighbour = second;
          second->neighbour = first;
        });
        CollectPrecisely();
      },
      kReport);
}

// Whatever lay there before.
TEST_F(PoisonedObjectDeathTest, WhatIsMadeAnewCanBeUsed) {
  constexpr std::size_t kObjects = 5'000;
  for (int round = 0; round < 3; round++) {
    NoInline([&] {
      auto& nodes = *MakeArray<Member<Node>>(kObjects);
      auto& named = *MakeArray<Member<Named>>(kObjects);
      for (std::size_t i = 0; i < kObjects; i++) {
        nodes[i] = Make<Node>(static_cast<std::int64_t>(i));
        named[i] = Make<Named>(std::make_unique<std::int64_t>(i));
        EXPECT_EQ(Make<Parent>()->child->value, 3);
        auto& bytes = *MakeArray<std::uint8_t>(1 + i % 3'000);
        bytes[i % 3'000] = 1;
      }
      std::int64_t sum = 0;
      for (std::size_t i = 0; i < kObjects; i++) sum += nodes[i]->value + *named[i]->number;
      EXPECT_EQ(sum, static_cast<std::int64_t>(kObjects * (kObjects - 1)));
      auto& large = *MakeArray<std::uint8_t>(kObjects * 100);
      large[kObjects * 100 - 1] = 1;
    });
    CollectPrecisely();
  }
}

TEST(PoisonedRangeTest, AnotherUserOfADeadHeapsAddressesCanUseThem) {
  constexpr std::size_t kBytes = 4096;
  char* page = nullptr;
  {
    Heap heap;
    const Mutator mutator(heap);
    NoInline([&] {
      const std::uintptr_t large = reinterpret_cast<std::uintptr_t>(MakeArray<char>(10 * kBytes));
      page = reinterpret_cast<char*>(large + kBytes - large % kBytes);
    });
    heap.Collect(StackState::kNoPointers);
  }
  void* const mapped = mmap(page, kBytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  ASSERT_EQ(mapped, page) << "the heap's addresses are free";
  page[0] = 1;
  EXPECT_EQ(munmap(mapped, kBytes), 0);
}

// Code without AddressSanitizer makes no cell usable again: what it made is never poisoned, nor
// what it makes where something else has died, a cycle or two after that.
TEST_F(PoisonedObjectDeathTest, WhatIsMadeWithoutAddressSanitizerCanBeUsed) {
  constexpr int kObjects = 50'000;
  constexpr int kCycles = 3;
  for (int round = 0; round < 2; round++) {
    NoInline([] {
      for (int i = 0; i < kObjects; i++) *MakePlainNode() += 1;
    });
    CollectPrecisely();
  }
  NoInline([] {
    for (int i = 0; i < kObjects; i++) Make<Node>();
  });
  for (int cycle = 0; cycle < kCycles; cycle++) CollectPrecisely();
  for (int i = 0; i < 2 * kObjects; i++) *MakePlainNode() += 1;
  EXPECT_EQ(*MakePlainNode(), 0);
}

}  // namespace
}  // namespace elegy::test
