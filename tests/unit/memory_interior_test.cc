// Pointers into the middle of an object, at every address, keep the whole object, whatever holds
// them.

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

// Two bases that may lie at odd addresses.
struct Flag {
  bool set = false;
};
struct OtherFlag {
  bool set = false;
};
class Flags : public Flag, public OtherFlag {
 public:
  Flags() { OtherFlag::set = true; }
  bool IsWhole() const { return !Flag::set && OtherFlag::set && text_ == "flags"; }
  void Trace(Visitor&) const {}

 private:
  std::string text_ = "flags";
};

struct FlagHolder {
  Member<OtherFlag> flag;
};

class MemoryInteriorTest : public HeapTest {
 protected:
  // Collects, and lets other objects take the place of any that has died.
  void CollectAndOverwrite() {
    for (int i = 0; i < 2; i++) {
      CollectPrecisely();
      for (int k = 0; k < 500; k++) Make<Flags>();
    }
  }

  // Whether the flag's object is alive and holds what it should.
  static bool IsWhole(const OtherFlag* flag) {
    return flag != nullptr && static_cast<const Flags*>(flag)->IsWhole();
  }
};

TEST_F(MemoryInteriorTest, TheBaseOfTheseTestsIsAtAnOddAddress) {
  const OtherFlag* const flag = Make<Flags>();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(flag) % 2, 1u);
}

TEST_F(MemoryInteriorTest, APersistentAtAnOddAddressKeepsTheObject) {
  const Persistent<OtherFlag> root = NoInline([] { return Make<Flags>(); });
  const WeakPersistent<Flags> weak(static_cast<Flags*>(root.get()));
  CollectAndOverwrite();
  ASSERT_NE(weak.Get(), nullptr);
  EXPECT_TRUE(IsWhole(root.get()));
}

TEST_F(MemoryInteriorTest, AMemberAtAnOddAddressKeepsTheObject) {
  const Persistent<FlagHolder> holder = Make<FlagHolder>(Make<Flags>());
  const WeakPersistent<Flags> weak(static_cast<Flags*>(holder->flag.get()));
  CollectAndOverwrite();
  ASSERT_NE(weak.Get(), nullptr);
  EXPECT_TRUE(IsWhole(holder->flag));
}

TEST_F(MemoryInteriorTest, ALargeArrayOfOddAddressesKeepsTheObjects) {
  constexpr std::size_t kLength = 10'000;
  const Persistent<Array<Member<OtherFlag>>> array = MakeArray<Member<OtherFlag>>(kLength);
  for (Member<OtherFlag>& each : *array) each = Make<Flags>();
  std::vector<WeakPersistent<Flags>> weak;
  for (OtherFlag* each : *array) weak.emplace_back(static_cast<Flags*>(each));
  CollectAndOverwrite();
  for (const WeakPersistent<Flags>& each : weak) {
    ASSERT_NE(each.Get(), nullptr);
  }
  for (OtherFlag* each : *array) {
    ASSERT_TRUE(IsWhole(each));
  }
}

TEST_F(MemoryInteriorTest, AnOddAddressThatIsOverwrittenWhileMarkingIsShaded) {
  const Persistent<FlagHolder> holder = Make<FlagHolder>(Make<Flags>());
  const Persistent<FlagHolder> other = Make<FlagHolder>();
  const WeakPersistent<Flags> weak(static_cast<Flags*>(holder->flag.get()));
  {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(CycleStep::kStacksScanned);
    NoInline([&] {
      OtherFlag* const flag = holder->flag;
      holder->flag = nullptr;
      other->flag = flag;
    });
    stepper.FinishCycle();
  }
  ASSERT_NE(weak.Get(), nullptr);
  CollectAndOverwrite();
  EXPECT_TRUE(IsWhole(other->flag));
}

TEST_F(MemoryInteriorTest, AnOddAddressIsStoredByAThreadThatIsNotAttached) {
  Persistent<OtherFlag> root = NoInline([] { return Make<Flags>(); });
  Persistent<OtherFlag> target;
  const WeakPersistent<Flags> weak(static_cast<Flags*>(root.get()));
  {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(CycleStep::kStacksScanned);
    std::thread([&] {
      target = root;
      root = nullptr;
    }).join();
    stepper.FinishCycle();
  }
  ASSERT_NE(weak.Get(), nullptr);
  CollectAndOverwrite();
  EXPECT_TRUE(IsWhole(target.get()));
}

TEST_F(MemoryInteriorTest, ADerefAtAnOddAddressKeepsTheObjectForTheTurn) {
  const Persistent<WeakRef<OtherFlag>> reference =
      NoInline([] { return Make<WeakRef<OtherFlag>>(Make<Flags>()); });
  heap().Collect(StackState::kNoPointers);  // the turn goes on
  EXPECT_TRUE(NoInline([&] { return IsWhole(reference->Deref()); }));
  CollectPrecisely();
  EXPECT_TRUE(reference->IsCleared());
}

// The brackets of a large object: its first, middle and last byte.
TEST_F(MemoryInteriorTest, AnyByteOfALargeArrayKeepsIt) {
  constexpr std::size_t kLength = 5'000'000;
  for (const std::size_t index : {std::size_t{0}, std::size_t{1}, std::size_t{8192},
                                  std::size_t{16376}, kLength / 2 + 1, kLength - 1}) {
    const auto make = [index] {
      Array<unsigned char>* const array = MakeArray<unsigned char>(kLength);
      (*array)[index] = 7;
      (*array)[kLength - 1 - index] = 8;
      return &(*array)[index];
    };
    const Persistent<unsigned char> byte = NoInline(make);
    const Persistent<Array<unsigned char>> garbage = MakeArray<unsigned char>(kLength);
    CollectAndOverwrite();
    EXPECT_EQ(*byte, 7) << index;
    EXPECT_EQ(byte.get()[kLength - 1 - 2 * index], 8) << index;
  }
}

// A token or a key named by any of its addresses is the same object.
TEST_F(MemoryInteriorTest, WeakMapsCompareObjects) {
  Persistent<Flags> flags = Make<Flags>();
  const Persistent<WeakMap<OtherFlag, int>> map = Make<WeakMap<OtherFlag, int>>();
  ASSERT_TRUE(map->Set(flags, 5).ok());
  CollectAndOverwrite();
  EXPECT_EQ(map->Get(flags), 5);
  flags = nullptr;
  const std::uint64_t before = heap().Stats().cells_cleared;
  CollectPrecisely();
  EXPECT_EQ(heap().Stats().cells_cleared, before + 1);
}

}  // namespace
}  // namespace elegy::test
