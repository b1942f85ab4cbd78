// A look-up that takes no lock has found its key's entry and not yet read the value; meanwhile the
// key is deleted and others are inserted. It gets its own value, or none.
//
// The collector walks a table, and each time that it has let go of its lock the table is rebuilt.
// The walk ends.

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "elegy/elegy.h"
#include "tests/support/actor.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/held_point.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using internal::ChaosPointOf;
using Map = WeakMap<Counted, Member<Counted>>;

TEST(WindowTableTest, ALookUpGetsNoOtherKeysValue) {
  constexpr int kTables = 50;  // in one of six an inserted key gets the deleted one's place
  constexpr std::uint64_t kOther = 1000;
  Census census;
  Heap heap(TestOptions());
  Actor reader(heap);
  Actor writer(heap);
  for (int i = 0; i < kTables; i++) {
    Persistent<Map> map;
    Persistent<Counted> key;
    writer.Do([&] {
      map = Make<Map>();
      key = Make<Counted>(1, census);
      ASSERT_TRUE(map->Set(key.get(), Make<Counted>(2, census)).ok());
    });
    std::uint64_t found = 0;
    HeldPoint looked_up(ChaosPointOf("looked up"));
    reader.Start([&] {
      if (const Counted* const value = map->Get(key.get())) found = value->id();
    });
    looked_up.Await();
    writer.Do([&] {
      ASSERT_TRUE(map->Delete(key.get()));
      for (int j = 0; j < 3; j++) {
        Counted* const other = Make<Counted>(kOther, census);
        ASSERT_TRUE(map->Set(other, other).ok());
      }
    });
    looked_up.Release();
    reader.Await();
    ASSERT_NE(found, kOther);
  }
}

// Rebuilds a map each time that the collector's thread passes a point, up to a number of times.
class Rebuilder {
 public:
  static constexpr int kMost = 1000;

  Rebuilder(Heap& heap, std::uint64_t point) : point_(point), writer_(heap) {
    writer_.Do([this] {
      map_ = Make<Map>();
      for (auto& key : keys_) {
        key = Make<Counted>(1, census_);
        ASSERT_TRUE(map_->Set(key.get(), key.get()).ok());
      }
    });
  }
  ~Rebuilder() {
    internal::AtNextPassage(0, nullptr, nullptr);  // the next passage is another test's
    writer_.Do([this] {
      map_ = nullptr;
      for (auto& key : keys_) key = nullptr;
    });
  }

  void Watch() { internal::AtNextPassage(point_, &Rebuild, this); }
  int passages() const { return passages_; }

 private:
  static void Rebuild(void* rebuilder) { static_cast<Rebuilder*>(rebuilder)->Rebuild(); }
  void Rebuild() {
    if (++passages_ == kMost) return;
    // Entries are taken and left behind until there is no place left: then the table is rebuilt.
    writer_.Do([this] {
      for (int i = 0; i < 4; i++) {
        for (const auto& key : keys_) {
          ASSERT_TRUE(map_->Delete(key.get()));
          ASSERT_TRUE(map_->Set(key.get(), key.get()).ok());
        }
      }
    });
    Watch();
  }

  const std::uint64_t point_;
  Census census_;
  Actor writer_;
  Persistent<Map> map_;
  std::array<Persistent<Counted>, 1000> keys_;
  int passages_ = 0;
};

// The verifier marks tables, too, while it holds all mutators.
HeapOptions NotVerified() { return {.max_heap_bytes = std::size_t{64} << 20}; }

TEST(WindowTableTest, MarkingEndsThoughTheTableIsRebuiltAllTheTime) {
  Heap heap(NotVerified());
  Rebuilder rebuilder(heap, ChaosPointOf("about to mark entries"));
  rebuilder.Watch();
  heap.Collect();
  EXPECT_GT(rebuilder.passages(), 1);
  EXPECT_LT(rebuilder.passages(), Rebuilder::kMost);
}

TEST(WindowTableTest, ClearingEndsThoughTheTableIsRebuiltAllTheTime) {
  Heap heap(NotVerified());
  Rebuilder rebuilder(heap, ChaosPointOf("about to clear entries"));
  rebuilder.Watch();
  heap.Collect();
  EXPECT_GT(rebuilder.passages(), 1);
  EXPECT_LT(rebuilder.passages(), Rebuilder::kMost);
}

}  // namespace
}  // namespace elegy::test
