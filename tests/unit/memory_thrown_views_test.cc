// What a constructor has handed out before it throws: weak views of its object read cleared after
// the next cycle, and never name another object; nobody traces or destroys what was not built.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/cycle_steps.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/trouble.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

struct Leaf {
  std::int64_t value = 0;
};

// Says when it is traced without having been built. With a Trace that would crash if it ran on
// memory of another content.
template <std::size_t kPadding>
class Thing {
 public:
  Thing() : is_built_(true) {}
  template <class F>
  explicit Thing(F&& f) {
    std::forward<F>(f)(this);
    throw Trouble();
  }
  Thing(const Thing&) = delete;
  Thing& operator=(const Thing&) = delete;
  virtual ~Thing() { destroyed++; }
  virtual void Trace(Visitor& visitor) const {
    if (!is_built_) unbuilt_were_traced = true;
    visitor.Trace(leaf);
  }

  Member<Leaf> leaf;
  static std::atomic<int> destroyed;
  static std::atomic<bool> unbuilt_were_traced;

 private:
  bool is_built_ = false;
  std::array<char, kPadding> padding_ = {};
};
template <std::size_t kPadding>
std::atomic<int> Thing<kPadding>::destroyed{0};
template <std::size_t kPadding>
std::atomic<bool> Thing<kPadding>::unbuilt_were_traced{false};

using Small = Thing<8>;
using Large = Thing<20'000>;

template <class T>
struct Holder {
  Member<T> slot;
};

template <class T>
class ThrownViewsTest : public HeapTest {
 protected:
  // All the ways to name an object without keeping it.
  struct Views {
    WeakPersistent<T> handle;
    Persistent<WeakRef<T>> reference;
    Persistent<Holder<T>> holder = Make<Holder<T>>();
    Persistent<WeakMap<T, Member<Leaf>>> map = Make<WeakMap<T, Member<Leaf>>>();

    void Name(T* object) {
      handle = object;
      reference = Make<WeakRef<T>>(object);
      holder->slot = object;
      holder->slot = nullptr;
      EXPECT_TRUE(map->Set(object, Make<Leaf>(1)).ok());
    }
    bool AreCleared() const { return handle.Get() == nullptr && reference->IsCleared(); }
    bool Know(T* object) const {
      return handle.Get() == object || reference->RefersTo(object) || map->Has(object);
    }
  };

  ThrownViewsTest() {
    T::destroyed = 0;
    T::unbuilt_were_traced = false;
  }

  template <class F>
  void Fail(F f) {
    NoInline([&] { EXPECT_THROW(Make<T>(f), Trouble); });
  }
  // Whether no view names one of some new objects.
  void ExpectUnknown(const Views& views, std::vector<Persistent<T>>& others) {
    for (int i = 0; i < 40; i++) {
      others.emplace_back(Make<T>());
      EXPECT_FALSE(NoInline([&] { return views.Know(others.back()); }));
    }
  }
};

using Sizes = ::testing::Types<Small, Large>;
TYPED_TEST_SUITE(ThrownViewsTest, Sizes);

TYPED_TEST(ThrownViewsTest, ReadClearedAfterTheNextCycleAndNameNoOther) {
  for (const CycleStep from : kAllSteps) {
    for (const CycleStep to : kAllSteps) {
      if (to < from) continue;
      typename TestFixture::Views views;
      std::vector<Persistent<TypeParam>> others;
      {
        CycleStepper stepper(this->heap());
        stepper.AdvanceTo(from);
        this->Fail([&](TypeParam* self) {
          views.Name(self);
          if (to > from) stepper.AdvanceTo(to);
          NoInline([&] { views.handle.Get(); });
        });
        this->ExpectUnknown(views, others);
        stepper.FinishCycle();
      }
      this->mutator().EndTurn(StackState::kNoPointers);
      this->ExpectUnknown(views, others);
      this->CollectPrecisely();
      EXPECT_TRUE(views.AreCleared()) << static_cast<int>(from) << " " << static_cast<int>(to);
      this->ExpectUnknown(views, others);
      this->CollectPrecisely();
      this->ExpectUnknown(views, others);
      EXPECT_EQ(TypeParam::destroyed, 0) << static_cast<int>(from) << " " << static_cast<int>(to);
      EXPECT_FALSE(TypeParam::unbuilt_were_traced);
      others.clear();
      this->CollectPrecisely();
      TypeParam::destroyed = 0;
    }
  }
}

TYPED_TEST(ThrownViewsTest, OfAConstructorThatLastedThroughCyclesToo) {
  typename TestFixture::Views views;
  std::vector<Persistent<TypeParam>> others;
  this->Fail([&](TypeParam* self) {
    views.Name(self);
    for (int i = 0; i < 2; i++) this->heap().Collect();
  });
  this->ExpectUnknown(views, others);
  this->mutator().EndTurn(StackState::kNoPointers);
  this->CollectPrecisely();
  EXPECT_TRUE(views.AreCleared());
  this->ExpectUnknown(views, others);
  EXPECT_EQ(TypeParam::destroyed, 0);
}

// What the constructor has made refers to its object, and lives on.
TYPED_TEST(ThrownViewsTest, WhatWasNotBuiltIsNotTracedThoughSomethingRefersToIt) {
  Persistent<Holder<TypeParam>> child;
  this->Fail([&](TypeParam* self) {
    child = Make<Holder<TypeParam>>();
    child->slot = self;
  });
  for (int i = 0; i < 3; i++) this->heap().Collect();
  EXPECT_FALSE(TypeParam::unbuilt_were_traced);
  child = nullptr;
  for (int i = 0; i < 3; i++) this->CollectPrecisely();
  EXPECT_EQ(TypeParam::destroyed, 0);
}

// The end of the heap destroys what was built, and nothing else.
TYPED_TEST(ThrownViewsTest, TheHeapsEndDestroysNoneThatThrew) {
  const BlockingRegion region(this->mutator());
  std::thread([] {
    Heap heap(TestOptions());
    const Mutator mutator(heap);
    NoInline([] { EXPECT_THROW(Make<TypeParam>([](TypeParam*) {}), Trouble); });
    Make<TypeParam>();
  }).join();
  EXPECT_EQ(TypeParam::destroyed, 1);
}

template <int kNumber>
struct Filler {
  std::array<std::int64_t, 4> values = {};
};

template <int... kNumbers>
void MakeFillers(std::integer_sequence<int, kNumbers...>) {
  (Make<Filler<kNumbers>>(), ...);
}

// A mutator that detaches leaves its blocks to others, whatever has been thrown.
TYPED_TEST(ThrownViewsTest, AMutatorLeavesItsBlocksToOthers) {
  for (int i = 0; i < 50; i++) {
    const BlockingRegion region(this->mutator());
    std::thread([this] {
      const Mutator mutator(this->heap());
      MakeFillers(std::make_integer_sequence<int, 20>());
      this->Fail([](TypeParam*) {});
    }).join();
  }
  EXPECT_LE(this->heap().Stats().heap_bytes, std::size_t{4} << 20);
}

}  // namespace
}  // namespace elegy::test
