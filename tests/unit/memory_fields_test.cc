// Slots wherever a type may have them: in standard aggregates, nested, up to 32 fields.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

struct Leaf {
  std::int64_t value = 0;
};

class MemoryFieldsTest : public HeapTest {
 protected:
  // Collects, and lets other leaves take the place of any that has died.
  void CollectAndOverwrite() {
    for (int i = 0; i < 2; i++) {
      CollectPrecisely();
      for (int k = 0; k < 3000; k++) Make<Leaf>(-1);
    }
  }
};

struct WithOptional {
  std::optional<Member<Leaf>> engaged = Make<Leaf>(1);
  std::optional<Member<Leaf>> empty;
  std::optional<std::optional<Member<Leaf>>> twice = Make<Leaf>(2);
};

TEST_F(MemoryFieldsTest, OptionalSlotsAreTraced) {
  const Persistent<WithOptional> object = Make<WithOptional>();
  CollectAndOverwrite();
  EXPECT_EQ((*object->engaged)->value, 1);
  EXPECT_FALSE(object->empty.has_value());
  EXPECT_EQ((**object->twice)->value, 2);
}

struct WithPairs {
  std::pair<Member<Leaf>, int> pair = {Make<Leaf>(1), 5};
  std::pair<std::pair<std::string, Member<Leaf>>, Member<Leaf>> nested = {{"x", Make<Leaf>(2)},
                                                                          Make<Leaf>(3)};
};

// Standard types of types without slots have none, however they are nested.
struct Slotless {
  std::vector<std::pair<int, double>> pairs = {{1, 1.5}};
  std::vector<std::array<float, 3>> arrays;
  std::vector<std::optional<int>> optionals;
  std::vector<std::tuple<int, std::string>> tuples = {{2, "two"}};
};

TEST_F(MemoryFieldsTest, StandardTypesWithoutSlotsMayBeFields) {
  const Persistent<Slotless> object = Make<Slotless>();
  CollectPrecisely();
  EXPECT_EQ(object->pairs.front().second, 1.5);
  EXPECT_EQ(std::get<1>(object->tuples.front()), "two");
}

TEST_F(MemoryFieldsTest, SlotsInPairsAreTraced) {
  const Persistent<WithPairs> object = Make<WithPairs>();
  CollectAndOverwrite();
  EXPECT_EQ(object->pair.first->value, 1);
  EXPECT_EQ(object->pair.second, 5);
  EXPECT_EQ(object->nested.first.second->value, 2);
  EXPECT_EQ(object->nested.second->value, 3);
}

struct WithTuple {
  std::tuple<int, Member<Leaf>, std::tuple<Member<Leaf>>, std::string, Member<Leaf>> tuple = {
      7, Make<Leaf>(1), {Make<Leaf>(2)}, "text", Make<Leaf>(3)};
  std::tuple<> none;
};

TEST_F(MemoryFieldsTest, SlotsInTuplesAreTraced) {
  const Persistent<WithTuple> object = Make<WithTuple>();
  CollectAndOverwrite();
  EXPECT_EQ(std::get<1>(object->tuple)->value, 1);
  EXPECT_EQ(std::get<0>(std::get<2>(object->tuple))->value, 2);
  EXPECT_EQ(std::get<4>(object->tuple)->value, 3);
}

struct WithArrays {
  std::array<Member<Leaf>, 7> row;
  std::array<std::array<Member<Leaf>, 3>, 4> matrix;
  std::array<int, 5> numbers = {1, 2, 3, 4, 5};
  std::array<Member<Leaf>, 0> none;
};

TEST_F(MemoryFieldsTest, SlotsInStandardArraysAreTraced) {
  const Persistent<WithArrays> object = Make<WithArrays>();
  for (std::size_t i = 0; i < 7; i++) object->row[i] = Make<Leaf>(static_cast<std::int64_t>(i));
  for (std::size_t i = 0; i < 12; i++) {
    object->matrix[i / 3][i % 3] = Make<Leaf>(static_cast<std::int64_t>(100 + i));
  }
  CollectAndOverwrite();
  for (std::size_t i = 0; i < 7; i++) {
    EXPECT_EQ(object->row[i]->value, static_cast<std::int64_t>(i));
  }
  for (std::size_t i = 0; i < 12; i++) {
    EXPECT_EQ(object->matrix[i / 3][i % 3]->value, static_cast<std::int64_t>(100 + i));
  }
  EXPECT_EQ(object->numbers[4], 5);
}

struct Inner {
  int number = 3;
  Member<Leaf> leaf = Make<Leaf>(4);
};
struct Middle {
  std::string text = "middle";
  std::array<Inner, 2> inner;
  std::optional<Inner> optional = Inner();
};
struct Outside {
  Member<Leaf> first = Make<Leaf>(1);
  Middle middle;
  std::pair<Middle, double> pair;
  Member<Leaf> last = Make<Leaf>(2);
};

TEST_F(MemoryFieldsTest, SlotsInNestedAggregatesAreTraced) {
  const Persistent<Outside> object = Make<Outside>();
  CollectAndOverwrite();
  EXPECT_EQ(object->first->value, 1);
  EXPECT_EQ(object->last->value, 2);
  for (const Middle* each : {&object->middle, &object->pair.first}) {
    EXPECT_EQ(each->text, "middle");
    EXPECT_EQ(each->inner[0].leaf->value, 4);
    EXPECT_EQ(each->inner[1].leaf->value, 4);
    EXPECT_EQ(each->optional->leaf->value, 4);
  }
}

using M = Member<Leaf>;
struct Most {
  M f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15;
  M f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31;
};

TEST_F(MemoryFieldsTest, AnAggregateMayHave32Fields) {
  const Persistent<Most> object = Make<Most>();
  M Most::*const fields[] = {&Most::f0,  &Most::f1,  &Most::f2,  &Most::f3,  &Most::f4,  &Most::f5,
                             &Most::f6,  &Most::f7,  &Most::f8,  &Most::f9,  &Most::f10, &Most::f11,
                             &Most::f12, &Most::f13, &Most::f14, &Most::f15, &Most::f16, &Most::f17,
                             &Most::f18, &Most::f19, &Most::f20, &Most::f21, &Most::f22, &Most::f23,
                             &Most::f24, &Most::f25, &Most::f26, &Most::f27, &Most::f28, &Most::f29,
                             &Most::f30, &Most::f31};
  std::int64_t number = 0;
  for (M Most::*const field : fields) object.get()->*field = Make<Leaf>(number++);
  CollectAndOverwrite();
  number = 0;
  for (M Most::*const field : fields) {
    EXPECT_EQ((object.get()->*field)->value, number++);
  }
}

// One aggregate of each number of fields, the last of which is the slot.
template <int kFields>
struct Sized;
#define ELEGY_SIZED(n, ...)   \
  template <>                 \
  struct Sized<n> {           \
    std::int64_t __VA_ARGS__; \
    Member<Leaf> last;        \
  };
ELEGY_SIZED(2, a = 0)
ELEGY_SIZED(3, a = 0, b = 0)
ELEGY_SIZED(4, a = 0, b = 0, c = 0)
ELEGY_SIZED(5, a = 0, b = 0, c = 0, d = 0)
ELEGY_SIZED(6, a = 0, b = 0, c = 0, d = 0, e = 0)
ELEGY_SIZED(7, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0)
ELEGY_SIZED(8, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0)
ELEGY_SIZED(13, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0, j = 0, k = 0, l = 0)
ELEGY_SIZED(17, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0, j = 0, k = 0, l = 0,
            m = 0, n = 0, o = 0, p = 0)
ELEGY_SIZED(22, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0, j = 0, k = 0, l = 0,
            m = 0, n = 0, o = 0, p = 0, q = 0, r = 0, s = 0, t = 0, u = 0)
ELEGY_SIZED(27, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0, j = 0, k = 0, l = 0,
            m = 0, n = 0, o = 0, p = 0, q = 0, r = 0, s = 0, t = 0, u = 0, v = 0, w = 0, x = 0,
            y = 0, z = 0)
#undef ELEGY_SIZED

TEST_F(MemoryFieldsTest, TheLastFieldOfAnAggregateIsTraced) {
  const auto check = [this](auto sized) {
    using T = decltype(sized);
    const Persistent<T> object = Make<T>();
    object->last = Make<Leaf>(9);
    CollectAndOverwrite();
    EXPECT_EQ(object->last->value, 9) << sizeof(T);
  };
  check(Sized<2>());
  check(Sized<3>());
  check(Sized<4>());
  check(Sized<5>());
  check(Sized<6>());
  check(Sized<7>());
  check(Sized<8>());
  check(Sized<13>());
  check(Sized<17>());
  check(Sized<22>());
  check(Sized<27>());
}

// Fields that hold no slots are left alone, whatever they are.
struct Mixed {
  std::string text = "mixed";
  std::unique_ptr<int> owned = std::make_unique<int>(3);
  std::shared_ptr<std::string> shared = std::make_shared<std::string>("shared");
  std::vector<double> numbers = {1, 2, 3};
  std::atomic<int> atomic{4};
  void* opaque = nullptr;
  void (*function)() = nullptr;
  Member<Leaf> leaf = Make<Leaf>(5);
  Registration registration;
};

TEST_F(MemoryFieldsTest, SlotsBesideOtherFieldsAreTraced) {
  const Persistent<Mixed> object = Make<Mixed>();
  CollectAndOverwrite();
  EXPECT_EQ(object->text, "mixed");
  EXPECT_EQ(*object->owned, 3);
  EXPECT_EQ(*object->shared, "shared");
  EXPECT_EQ(object->numbers.size(), 3u);
  EXPECT_EQ(object->leaf->value, 5);
}

// A class with a Trace as a field of an aggregate, and the other way about.
class Traced {
 public:
  Traced() : leaf_(Make<Leaf>(6)) {}
  void Trace(Visitor& visitor) const {
    visitor.Trace(leaf_);
    visitor.Trace(inner_);
  }
  std::int64_t Sum() const { return leaf_->value * 10 + inner_.leaf->value; }

 private:
  Member<Leaf> leaf_;
  Inner inner_;
};
struct HasTraced {
  Traced traced;
  std::array<Traced, 3> more;
  std::optional<Traced> optional = std::make_optional<Traced>();
};

TEST_F(MemoryFieldsTest, ClassesWithATraceMayBeFields) {
  const Persistent<HasTraced> object = Make<HasTraced>();
  CollectAndOverwrite();
  EXPECT_EQ(object->traced.Sum(), 64);
  for (const Traced& each : object->more) {
    EXPECT_EQ(each.Sum(), 64);
  }
  EXPECT_EQ(object->optional->Sum(), 64);
}

// C arrays, visited as a whole.
class Kids {
 public:
  void Trace(Visitor& visitor) const {
    visitor.Trace(kids);
    visitor.Trace(grid);
    visitor.Trace(weak);
  }

  Member<Leaf> kids[3];
  Member<Leaf> grid[2][2];
  WeakMember<Leaf> weak[2];
};

TEST_F(MemoryFieldsTest, CArraysAreTracedWholly) {
  const Persistent<Kids> object = Make<Kids>();
  NoInline([&] {
    for (Member<Leaf>& each : object->kids) each = Make<Leaf>(1);
    for (auto& row : object->grid) {
      for (Member<Leaf>& each : row) each = Make<Leaf>(2);
    }
    object->weak[0] = object->grid[1][1].get();
    object->weak[1] = Make<Leaf>(3);
  });
  CollectAndOverwrite();
  for (const Member<Leaf>& each : object->kids) {
    EXPECT_EQ(each->value, 1);
  }
  for (const auto& row : object->grid) {
    for (const Member<Leaf>& each : row) {
      EXPECT_EQ(each->value, 2);
    }
  }
  EXPECT_EQ(object->weak[0].Get(), object->grid[1][1]);
  EXPECT_EQ(object->weak[1].Get(), nullptr);
}

struct WithAtomic {
  AtomicMember<Leaf> atomic;
  WeakMember<Leaf> weak;
  int number = 1;
};

TEST_F(MemoryFieldsTest, AtomicAndWeakFieldsAreTraced) {
  const Persistent<WithAtomic> object = Make<WithAtomic>();
  NoInline([&] {
    object->atomic = Make<Leaf>(1);
    object->weak = Make<Leaf>(2);
  });
  CollectAndOverwrite();
  EXPECT_EQ(object->atomic.load()->value, 1);
  EXPECT_EQ(object->weak.Get(), nullptr);
  object->weak = object->atomic.load();
  CollectAndOverwrite();
  EXPECT_EQ(object->weak.Get(), object->atomic.load());
  object->atomic.store(nullptr);
  CollectAndOverwrite();
  EXPECT_EQ(object->weak.Get(), nullptr);
}

}  // namespace
}  // namespace elegy::test
