// Objects of any size, alignment and type: where they lie, and that they keep what was put into
// them for as long as they are reachable.

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {

template <std::size_t kBytes, std::size_t kAlignment>
struct alignas(kAlignment) Blob {
  unsigned char bytes[kBytes];
};

}  // namespace elegy::test

template <std::size_t kBytes, std::size_t kAlignment>
inline constexpr bool elegy::kHasNoSlots<elegy::test::Blob<kBytes, kAlignment>> = true;

namespace elegy::test {
namespace {

bool IsAlignedTo(std::size_t alignment, const void* object) {
  return reinterpret_cast<std::uintptr_t>(object) % alignment == 0;
}
template <class T>
bool IsAligned(const T* object) {
  return IsAlignedTo(alignof(T), object);
}

// The first byte of a new object.
template <std::size_t kBytes, std::size_t kAlignment>
unsigned char* MakeBlob() {
  return Make<Blob<kBytes, kAlignment>>()->bytes;
}

class MemoryObjectsTest : public HeapTest {
 protected:
  // Makes some objects of one type, refers to each by an address near its end alone, and checks
  // after every cycle that no byte of them has changed; then lets go of them, and they die.
  void CheckSize(std::size_t bytes, std::size_t alignment, unsigned char* (*make)()) {
    SCOPED_TRACE(testing::Message() << bytes << " bytes, aligned to " << alignment);
    const int objects = bytes > 8192 ? 3 : 40;
    const std::size_t near_end = (bytes - 1) / 2 * 2;
    std::vector<Persistent<unsigned char>> near_ends;
    std::vector<WeakPersistent<unsigned char>> weak;
    for (int i = 0; i < objects; i++) {
      unsigned char* const object = make();
      ASSERT_TRUE(IsAlignedTo(alignment, object));
      std::memset(object, i + 1, bytes);
      near_ends.emplace_back(object + near_end);
      weak.emplace_back(object);
      make();  // garbage in between
    }
    for (int cycle = 0; cycle < 3; cycle++) {
      CollectPrecisely();
      for (int i = 0; i < objects; i++) {
        const unsigned char* const object = weak[i].Get();
        ASSERT_NE(object, nullptr);
        ASSERT_EQ(near_ends[i].get(), object + near_end);
        const std::string expected(bytes, static_cast<char>(i + 1));
        ASSERT_EQ(std::memcmp(object, expected.data(), bytes), 0);
      }
    }
    near_ends.clear();
    CollectPrecisely();
    for (const WeakPersistent<unsigned char>& each : weak) {
      ASSERT_EQ(each.Get(), nullptr);
    }
    ASSERT_EQ(heap().Stats().live_bytes, 0u);
  }

  template <std::size_t kAlignment, std::size_t... kBytes>
  void CheckSizes(std::index_sequence<kBytes...>) {
    (CheckSize(kBytes, kAlignment, MakeBlob<kBytes, kAlignment>), ...);
  }
};

using SmallSizes = std::index_sequence<1, 2, 7, 8, 9, 15, 16, 17, 24, 33, 40, 56, 64, 65, 100, 200>;
using MediumSizes = std::index_sequence<256, 500, 1000, 1032, 2000, 2056, 4096, 5000, 5464, 8184>;
using LargeSizes = std::index_sequence<8192, 8193, 16384, 16385, 100'000, 3'000'000>;

TEST_F(MemoryObjectsTest, BytewiseAlignedObjectsKeepTheirBytes) {
  CheckSizes<1>(SmallSizes());
  CheckSizes<1>(MediumSizes());
  CheckSizes<1>(LargeSizes());
}

TEST_F(MemoryObjectsTest, ObjectsAlignedTo8KeepTheirBytes) {
  CheckSizes<8>(SmallSizes());
  CheckSizes<8>(MediumSizes());
  CheckSizes<8>(LargeSizes());
}

TEST_F(MemoryObjectsTest, ObjectsAlignedTo16KeepTheirBytes) {
  CheckSizes<16>(SmallSizes());
  CheckSizes<16>(LargeSizes());
}

TEST_F(MemoryObjectsTest, ObjectsAlignedTo32KeepTheirBytes) {
  CheckSizes<32>(SmallSizes());
  CheckSizes<32>(LargeSizes());
}

TEST_F(MemoryObjectsTest, ObjectsAlignedTo64KeepTheirBytes) {
  CheckSizes<64>(SmallSizes());
  CheckSizes<64>(MediumSizes());
  CheckSizes<64>(LargeSizes());
}

template <std::size_t kAlignment>
struct alignas(kAlignment) AlignedElement {
  unsigned char value = 0;
};

TEST_F(MemoryObjectsTest, ElementsOfArraysAreAligned) {
  for (const std::size_t length : {1, 2, 3, 5, 100, 200, 3000}) {
    const auto* const by_16 = MakeArray<AlignedElement<16>>(length);
    const auto* const by_32 = MakeArray<AlignedElement<32>>(length);
    const auto* const by_64 = MakeArray<AlignedElement<64>>(length);
    const auto* const doubles = MakeArray<double>(length);
    const auto* const long_doubles = MakeArray<long double>(length);
    ASSERT_TRUE(IsAligned(by_16->begin()) && IsAligned(by_32->begin()));
    ASSERT_TRUE(IsAligned(by_64->begin()) && IsAligned(&(*by_64)[length - 1]));
    ASSERT_TRUE(IsAligned(doubles->begin()) && IsAligned(long_doubles->begin()));
  }
}

// One type of many. What it holds tells whose object it is.
template <int kNumber>
struct Numbered {
  Member<Numbered> previous;
  int number = kNumber;
  std::string name = std::to_string(kNumber);
};

class Holder {
 public:
  virtual ~Holder() = default;
  virtual void Grow() = 0;
  virtual bool IsWhole(int length) const = 0;
};

template <int kNumber>
class HolderOf final : public Holder {
 public:
  void Grow() override { last_ = Make<Numbered<kNumber>>(last_.get()); }
  bool IsWhole(int length) const override {
    int found = 0;
    for (Numbered<kNumber>* each = last_.get(); each != nullptr; each = each->previous) {
      if (each->number != kNumber || each->name != std::to_string(kNumber)) return false;
      found++;
    }
    return found == length;
  }

 private:
  Persistent<Numbered<kNumber>> last_;
};

template <int... kNumber>
std::vector<std::unique_ptr<Holder>> MakeHolders(std::integer_sequence<int, kNumber...>) {
  std::vector<std::unique_ptr<Holder>> holders;
  (holders.push_back(std::make_unique<HolderOf<kNumber>>()), ...);
  return holders;
}

TEST_F(MemoryObjectsTest, ObjectsOfManyTypesDoNotMixUp) {
  const auto holders = MakeHolders(std::make_integer_sequence<int, 60>());
  constexpr int kRounds = 12;
  for (int round = 1; round <= kRounds; round++) {
    for (const auto& holder : holders) holder->Grow();
    if (round % 4 == 0) CollectPrecisely();
  }
  for (const auto& holder : holders) {
    EXPECT_TRUE(holder->IsWhole(kRounds));
  }
}

enum class Colour { kRed, kBlue };

TEST_F(MemoryObjectsTest, ScalarsAndStandardTypesMayBeManaged) {
  const Persistent<int> number = Make<int>(42);
  const Persistent<int> zero = Make<int>();
  const Persistent<double> real = Make<double>(2.5);
  const Persistent<bool> flag = Make<bool>(true);
  const Persistent<Colour> colour = Make<Colour>(Colour::kBlue);
  const Persistent<std::string> text = Make<std::string>(1000, 'x');
  const Persistent<std::unique_ptr<int>> owner =
      Make<std::unique_ptr<int>>(std::make_unique<int>(7));
  const Persistent<std::vector<int>> numbers = Make<std::vector<int>>(100, 5);
  CollectPrecisely();
  EXPECT_EQ(*number, 42);
  EXPECT_EQ(*zero, 0);
  EXPECT_EQ(*real, 2.5);
  EXPECT_TRUE(*flag);
  EXPECT_EQ(*colour, Colour::kBlue);
  EXPECT_EQ(*text, std::string(1000, 'x'));
  EXPECT_EQ(**owner, 7);
  EXPECT_EQ(*numbers, std::vector<int>(100, 5));
}

// An object reached through a base at an offset, by a slot.
class First {
 public:
  virtual ~First() = default;
  virtual void Trace(Visitor& visitor) const { visitor.Trace(left); }
  Member<int> left;
};
class Second {
 public:
  virtual ~Second() = default;
  virtual void Trace(Visitor& visitor) const { visitor.Trace(right); }
  virtual int Sum() const = 0;
  Member<int> right;
};
class Both final : public First, public Second {
 public:
  void Trace(Visitor& visitor) const override {
    First::Trace(visitor);
    Second::Trace(visitor);
    visitor.Trace(own);
  }
  int Sum() const override { return *left + *right + *own; }
  Member<int> own;
};
struct SecondHolder {
  Member<Second> second;
};

TEST_F(MemoryObjectsTest, ASlotOfASecondBaseKeepsTheWholeObject) {
  const Persistent<SecondHolder> holder = Make<SecondHolder>();
  const WeakPersistent<Both> weak = NoInline([&] {
    Both* const both = Make<Both>();
    both->left = Make<int>(1);
    both->right = Make<int>(20);
    both->own = Make<int>(300);
    holder->second = both;
    EXPECT_NE(static_cast<void*>(holder->second.get()), static_cast<void*>(both));
    return WeakPersistent<Both>(both);
  });
  for (int i = 0; i < 3; i++) {
    CollectPrecisely();
    ASSERT_NE(weak.Get(), nullptr);
    EXPECT_EQ(holder->second->Sum(), 321);
    for (int k = 0; k < 1000; k++) Make<int>(-1);  // would take the place of a dead part
  }
  holder->second = nullptr;
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
}

class Common {
 public:
  virtual ~Common() = default;
  int number = 5;
};
class Virtual : public virtual Common {
 public:
  void Trace(Visitor& visitor) const { visitor.Trace(other); }
  Member<Common> other;
};

TEST_F(MemoryObjectsTest, ASlotOfAVirtualBaseKeepsTheWholeObject) {
  const Persistent<Virtual> holder = Make<Virtual>();
  NoInline([&] {
    Virtual* const target = Make<Virtual>();
    target->other = target;
    target->number = 6;
    holder->other = target;
  });
  CollectPrecisely();
  for (int k = 0; k < 1000; k++) Make<Virtual>();
  CollectPrecisely();
  const auto* const target = dynamic_cast<Virtual*>(holder->other.get());
  ASSERT_NE(target, nullptr);
  EXPECT_EQ(target->number, 6);
  EXPECT_EQ(target->other, holder->other);
}

// Built by Make with parentheses, or braces for an aggregate.
class Point {
 public:
  Point(int x, int y) : x_(x), y_(y) {}
  int x() const { return x_; }
  int y() const { return y_; }
  void Trace(Visitor&) const {}

 private:
  int x_, y_;
};
struct Line {
  Member<Point> from, to;
  int width = 3;
  std::string label = "none";
};

// Its default is a constant expression, and yet another one in every object.
struct PointsIntoItself {
  Member<PointsIntoItself> next;
  int count = 0;
  int* where = &count;
};

TEST_F(MemoryObjectsTest, ADefaultMayReferToItsOwnObject) {
  auto* const first = Make<PointsIntoItself>();
  auto* const second = Make<PointsIntoItself>();
  EXPECT_EQ(first->where, &first->count);
  EXPECT_EQ(second->where, &second->count);
  *second->where = 5;
  EXPECT_EQ(second->count, 5);
  EXPECT_EQ(first->count, 0);
}

struct Refers {
  Member<Refers> next;
  const int& limit;
};
struct RefersToItself {
  Member<RefersToItself> next;
  int count = 0;
  const int& alias = count;
};

TEST_F(MemoryObjectsTest, FieldsThatAreReferencesReferToWhatTheProgramSays) {
  const int limit = 7;
  EXPECT_EQ(&Make<Refers>(nullptr, limit)->limit, &limit);
  auto* const one = Make<RefersToItself>();
  EXPECT_EQ(&one->alias, &one->count);
  one->count = 5;
  EXPECT_EQ(one->alias, 5);
}

// What converts to its own fields' types is copied all the same.
struct Version {
  int major = 0, minor = 0;
  operator int() const { return major * 100 + minor; }
};
struct Outcome {
  bool ok = false;
  int value = 0;
  explicit operator bool() const { return ok; }
};
struct Place {
  int x, y;
};
struct Empty {};

TEST_F(MemoryObjectsTest, MakeCopiesAnAggregate) {
  const Version version = {3, 7};
  EXPECT_EQ(static_cast<int>(*Make<Version>(version)), 307);
  EXPECT_EQ(static_cast<int>(*Make<Version>(Version{4, 8})), 408);
  const Outcome* const outcome = Make<Outcome>(Outcome{true, 5});
  EXPECT_TRUE(outcome->ok);
  EXPECT_EQ(outcome->value, 5);
  const Place place = {1, 2};
  EXPECT_EQ(Make<Place>(place)->y, 2);
  EXPECT_NE(Make<Empty>(Empty{}), nullptr);
}

TEST_F(MemoryObjectsTest, MakeForwardsToConstructorsAndAggregates) {
  const Persistent<Line> line = Make<Line>(Make<Point>(1, 2), Make<Point>(3, 4));
  const Persistent<Line> wide = Make<Line>(line->to, nullptr, 9, "wide");
  const Persistent<Line> empty = mutator().Make<Line>();
  CollectPrecisely();
  EXPECT_EQ(line->from->y() * 10 + line->to->x(), 23);
  EXPECT_EQ(line->width, 3);
  EXPECT_EQ(wide->from, line->to);
  EXPECT_EQ(wide->to, nullptr);
  EXPECT_EQ(wide->width, 9);
  EXPECT_EQ(wide->label, "wide");
  EXPECT_EQ(empty->from, nullptr);
}

}  // namespace
}  // namespace elegy::test
