// Mark bits, and what is decided by them: who traces an object, and whether an ephemeron's entry is
// filed under a key or released with it.

#include "src/heap/object_bits.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "src/mark/ephemerons.h"
#include "tests/interleave/explore.h"

namespace elegy::internal {
namespace {

using interleave::ExpectHolds;
using interleave::Require;
using interleave::Together;

class Bits {
 public:
  ObjectBits bits() { return ObjectBits(words_.data()); }
  std::atomic<std::uint64_t>& WordOf(std::size_t index) { return bits().WordOf(0, index); }
  bool Test(std::size_t index) { return bits().Test(0, index); }

 private:
  std::array<std::atomic<std::uint64_t>, kWordsPerBlock> words_{};
};

TEST(ObjectBitsTest, OneOfThreeSetsABit) {
  ExpectHolds("object bits, one winner", {.preemptions = 3}, [] {
    Bits marks;
    int winners = 0;
    const auto set = [&] {
      if (ObjectBits::TrySet(marks.WordOf(5), ObjectBits::MaskOf(5))) winners++;
      Require(marks.Test(5), "clear after it was set");
    };
    Together({set, set, set});
    Require(winners == 1, "not exactly one has set the bit");
  });
}

TEST(ObjectBitsTest, WhoFindsABitClearIsAmongThoseThatSetIt) {
  ExpectHolds("object bits, markers", {.preemptions = 3}, [] {
    Bits marks;
    int setters = 0;
    const auto set = [&] {
      if (ObjectBits::SetIfClear(marks.WordOf(5), ObjectBits::MaskOf(5))) setters++;
      Require(marks.Test(5), "clear after it was set");
    };
    Together({set, set, [&] { ObjectBits::SetIfClear(marks.WordOf(6), ObjectBits::MaskOf(6)); }});
    Require(setters >= 1, "nobody has set the bit");
    Require(marks.Test(5) && marks.Test(6), "a neighbour's bit was lost");
  });
}

// Who claims and gives back runs shares words with who marks.
TEST(ObjectBitsTest, NeighboursLoseNothing) {
  ExpectHolds("object bits, neighbours", {.preemptions = 3}, [] {
    Bits marks;
    marks.bits().SetRange(0, 0, 10);
    Together({[&] {
                marks.bits().SetRange(0, 60, 70);
                marks.bits().ClearRange(0, 65, 70);
              },
              [&] { ObjectBits::SetIfClear(marks.WordOf(66), ObjectBits::MaskOf(80)); },
              [&] {
                marks.bits().Intersect(0, 0, ~std::uint64_t{0xFF});
                ObjectBits::TrySet(marks.WordOf(20), ObjectBits::MaskOf(20));
              }});
    for (std::size_t i = 0; i < 128; i++) {
      const bool expected = (i >= 8 && i < 10) || i == 20 || (i >= 60 && i < 65) || i == 80;
      Require(marks.Test(i) == expected, "a neighbour's bit was lost, or came back");
    }
  });
}

// Filed, and not looked into.
class UnvisitedTable final : public TracedTable {
 public:
  void Mark(TableMarker&) override {}
  void MarkValueOf(void*, Visitor&) override {}
  std::size_t ClearDead(const Liveness&) override { return 0; }
};

// One marker has met the entry with its key unmarked while another marks the key.
TEST(ObjectBitsTest, AnEntryIsFiledOrItsKeyIsKnownToBeMarked) {
  ExpectHolds("ephemerons, file and release", {.preemptions = 3}, [] {
    Bits marks;
    PendingEphemerons ephemerons;
    int key = 0;
    UnvisitedTable table;
    int value_marked = 0;
    Together({[&] {
                if (!ephemerons.File(&key, marks.WordOf(3), ObjectBits::MaskOf(3), table)) {
                  Require(marks.Test(3), "not filed, though the key is not marked");
                  value_marked++;
                }
              },
              [&] {
                if (!ObjectBits::SetIfClear(marks.WordOf(3), ObjectBits::MaskOf(3))) return;
                PendingEphemerons::Tables tables;
                Require(ephemerons.Release(&key, 1, tables), "one entry is not too many");
                value_marked += static_cast<int>(tables.size());
              }});
    Require(value_marked == 1, "the entry of a marked key was not marked exactly once");
  });
}

}  // namespace
}  // namespace elegy::internal
