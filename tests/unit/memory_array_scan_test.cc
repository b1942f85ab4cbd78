// What conservative scans find of arrays: one of which only end() is left, and one that is being
// built on memory that an equal one had.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

struct Target {
  std::int64_t value = 0;
};

// An address in a form that no scan takes for one.
class Hidden {
 public:
  Hidden() = default;
  explicit Hidden(const void* pointer) : bits_(~reinterpret_cast<std::uintptr_t>(pointer)) {}
  friend bool operator==(const Hidden&, const Hidden&) = default;
  // The compiler must not put off the computation to after a collection.
  void* Reveal() const {
    std::uintptr_t address = ~bits_;
    asm volatile("" : "+r"(address));
    return reinterpret_cast<void*>(address);
  }

 private:
  std::uintptr_t bits_ = ~std::uintptr_t{0};
};

// Overwrites what calls that have returned left below this frame.
[[gnu::noinline]] void ClearDeadFrames() {
  volatile std::uintptr_t words[2048];
  for (volatile std::uintptr_t& word : words) word = 0;
}

using Slots = Array<Member<Target>>;

class MemoryArrayScanTest : public HeapTest, public ::testing::WithParamInterface<std::size_t> {
 protected:
  // The end() of an array of which nothing on the stack or in registers knows.
  Hidden MakeHidden() {
    Hidden end = NoInline([&] {
      Slots* const array = MakeArray<Member<Target>>(GetParam());
      weak_ = array;
      return Hidden(array->end());
    });
    ClearDeadFrames();
    return end;
  }
  bool IsAlive() const {
    return NoInline([&] { return weak_.Get() != nullptr; });
  }

  WeakPersistent<Slots> weak_;
};

TEST_P(MemoryArrayScanTest, ItsEndKeepsAnArray) {
  void* const end = MakeHidden().Reveal();
  NoInline([] { ClearDeadFrames(); });
  heap().Collect();
  EXPECT_TRUE(IsAlive());
  KeepAlive(end);
  CollectPrecisely();
  EXPECT_FALSE(IsAlive());
}

// With 7, 1,023 and 2,047 slots an array fills a cell, or blocks, but for the byte at its end.
INSTANTIATE_TEST_SUITE_P(Lengths, MemoryArrayScanTest,
                         ::testing::Values(0, 1, 6, 7, 8, 1022, 1023, 1024, 2046, 2047, 2048,
                                           100'000));

// Makes its target, and calls what is to be done while it is built.
class Element {
 public:
  Element() : target(Make<Target>()) {
    if (while_built) while_built(*this);
  }
  void Trace(Visitor& visitor) const { visitor.Trace(target); }

  Member<Target> target;

  static std::function<void(Element&)> while_built;
};
std::function<void(Element&)> Element::while_built;

// Builds arrays, small and large, and drops them while their targets live.
class MemoryArrayReuseTest : public HeapTest, public ::testing::WithParamInterface<std::size_t> {
 protected:
  ~MemoryArrayReuseTest() override { Element::while_built = nullptr; }

  void MakeAndDrop() {
    targets_ = MakeArray<Member<Target>>(GetParam());
    NoInline([this] {
      Array<Element>* const array = MakeArray<Element>(GetParam());
      memory_ = Hidden(array);
      for (std::size_t i = 0; i < GetParam(); i++) {
        Target* const target = (*array)[i].target;
        (*targets_)[i] = target;
        weak_.emplace_back(target);
      }
    });
    CollectPrecisely();
  }
  std::size_t CountAlive() const {
    return NoInline([&] {
      std::size_t alive = 0;
      for (const WeakPersistent<Target>& each : weak_) alive += each.Get() == nullptr ? 0u : 1u;
      return alive;
    });
  }

  Persistent<Slots> targets_;
  std::vector<WeakPersistent<Target>> weak_;
  Hidden memory_;
};

TEST_P(MemoryArrayReuseTest, WhatLiesBehindTheBuiltPartKeepsNothing) {
  for (const std::size_t at : {std::size_t{0}, GetParam() / 2, GetParam() - 1}) {
    SCOPED_TRACE(at);
    weak_.clear();
    MakeAndDrop();
    ASSERT_EQ(CountAlive(), GetParam());
    std::size_t built = 0;
    std::size_t alive = GetParam();
    Element::while_built = [&](Element&) {
      if (built++ != at) return;
      targets_ = nullptr;
      CollectPrecisely();
      alive = CountAlive();
    };
    const Hidden memory = NoInline([] { return Hidden(MakeArray<Element>(GetParam())); });
    Element::while_built = nullptr;
    EXPECT_EQ(memory, memory_);  // or it would show nothing
    EXPECT_EQ(alive, 0u);
    CollectPrecisely();
  }
}

// What has been built is kept, though nothing else refers to it.
TEST_P(MemoryArrayReuseTest, WhatIsBuiltKeepsItsTargets) {
  MakeAndDrop();
  weak_.clear();
  targets_ = nullptr;
  std::size_t alive = 0;
  Element::while_built = [&](Element& element) {
    weak_.emplace_back(element.target.get());
    if (weak_.size() % (GetParam() / 4) != 0) return;
    CollectPrecisely();
    alive = CountAlive();
    EXPECT_EQ(alive, weak_.size());
  };
  NoInline([] { MakeArray<Element>(GetParam()); });
  EXPECT_EQ(alive, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Lengths, MemoryArrayReuseTest, ::testing::Values(8, 2000, 20'000));

}  // namespace
}  // namespace elegy::test
