// A look-up that takes no lock has found its key's entry and not yet read the value; meanwhile the
// key is deleted and others are inserted. It gets its own value, or none.

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace elegy::test
