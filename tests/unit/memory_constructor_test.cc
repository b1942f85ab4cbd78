// Objects under construction: what their constructors have stored stays alive, and one that throws
// leaves nothing behind.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>
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

// A part that counts.
class Part {
 public:
  Part() { alive++; }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  ~Part() { alive--; }
  static std::atomic<int> alive;
};
std::atomic<int> Part::alive{0};

// Does something in the middle of its constructor.
template <std::size_t kPadding>
class BuiltBy {
 public:
  template <class F>
  explicit BuiltBy(F&& f) : before_(Make<Leaf>(1)) {
    std::forward<F>(f)(this);
    after_ = Make<Leaf>(2);
  }
  BuiltBy(const BuiltBy&) = delete;
  BuiltBy& operator=(const BuiltBy&) = delete;
  ~BuiltBy() { destroyed++; }
  void Trace(Visitor& visitor) const {
    visitor.Trace(before_);
    visitor.Trace(between);
    visitor.Trace(after_);
  }
  bool IsWhole() const {
    return before_->value == 1 && after_->value == 2 && (between == nullptr || between->value == 3);
  }

  Member<Leaf> between;
  static std::atomic<int> destroyed;

 private:
  std::array<char, kPadding> padding_ = {};
  Part part_;
  std::string text_ = "a text that is too long to be stored in place";
  Member<Leaf> before_, after_;
};
template <std::size_t kPadding>
std::atomic<int> BuiltBy<kPadding>::destroyed{0};

using Small = BuiltBy<1>;
using Large = BuiltBy<50'000>;

template <class T>
class MemoryConstructorTest : public HeapTest {
 protected:
  MemoryConstructorTest() { T::destroyed = 0; }

  // Other objects would take the place of any leaf that has died.
  void Overwrite() {
    for (int i = 0; i < 3000; i++) Make<Leaf>(-1);
  }
  // Makes an object whose constructor does f and then throws; its leftovers would show.
  template <class F>
  void Fail(F f) {
    NoInline([&] {
      EXPECT_THROW(Make<T>([&](T* object) {
                     f(object);
                     throw Trouble();
                   }),
                   Trouble);
    });
    EXPECT_EQ(Part::alive, parts_);
    EXPECT_EQ(T::destroyed, destroyed_);
  }

  int parts_ = Part::alive;
  int destroyed_ = 0;
};

using Sizes = ::testing::Types<Small, Large>;
TYPED_TEST_SUITE(MemoryConstructorTest, Sizes);

TYPED_TEST(MemoryConstructorTest, AConstructorMayMakeOthersAndCollect) {
  Heap& heap = this->heap();
  const Persistent<TypeParam> object = NoInline([&] {
    return Make<TypeParam>([&](TypeParam* self) {
      for (int i = 0; i < 3; i++) {
        heap.Collect();
        this->Overwrite();
      }
      self->between = Make<Leaf>(3);
      heap.Collect();
      this->Overwrite();
    });
  });
  EXPECT_TRUE(object->IsWhole());
  this->CollectPrecisely();
  this->Overwrite();
  EXPECT_TRUE(object->IsWhole());
  EXPECT_EQ(object->between->value, 3);
}

// Not even with a stack that is said to hold no pointers.
TYPED_TEST(MemoryConstructorTest, AnObjectUnderConstructionIsARoot) {
  Heap& heap = this->heap();
  Persistent<TypeParam> object = NoInline([&] {
    return Make<TypeParam>([&](TypeParam* self) {
      self->between = Make<Leaf>(3);
      heap.Collect(StackState::kNoPointers);
      this->Overwrite();
    });
  });
  EXPECT_TRUE(object->IsWhole());
  object = nullptr;
  this->CollectPrecisely();
  EXPECT_EQ(TypeParam::destroyed, 1);
}

// Where no stack is scanned, nothing but its construction keeps it.
TYPED_TEST(MemoryConstructorTest, AnObjectUnderConstructionLivesThoughNoStackIsScanned) {
  HeapOptions options;
  options.conservative_stacks = false;
  Heap precise(TestOptions(options));
  const BlockingRegion region(this->mutator());
  std::thread([&] {
    const Mutator mutator(precise);
    Make<TypeParam>([&](TypeParam*) {
      for (int i = 0; i < 2; i++) precise.Collect();
      EXPECT_EQ(TypeParam::destroyed, 0);
    });
  }).join();
}

TYPED_TEST(MemoryConstructorTest, AConstructorMayLastThroughEveryStepOfACycle) {
  for (const CycleStep from : kAllSteps) {
    for (const CycleStep to : kAllSteps) {
      if (to < from) continue;
      Persistent<TypeParam> object;
      {
        CycleStepper stepper(this->heap());
        stepper.AdvanceTo(from);
        object = NoInline([&] {
          return Make<TypeParam>([&](TypeParam* self) {
            self->between = Make<Leaf>(3);
            if (to > from) stepper.AdvanceTo(to);
            this->Overwrite();
          });
        });
        stepper.FinishCycle();
      }
      this->CollectPrecisely();
      this->Overwrite();
      EXPECT_TRUE(object->IsWhole()) << static_cast<int>(from) << " " << static_cast<int>(to);
    }
  }
  this->CollectPrecisely();
}

// Published before it is whole, in a weak reference, a registry and a root.
TYPED_TEST(MemoryConstructorTest, AHalfBuiltObjectMayBePublished) {
  for (const CycleStep step : kAllSteps) {
    int delivered = 0;
    const auto registry = Persistent(Make<FinalizationRegistry<int>>([&](int) { delivered++; }));
    Persistent<WeakRef<TypeParam>> reference;
    Persistent<TypeParam> root;
    {
      CycleStepper stepper(this->heap());
      NoInline([&] {
        Make<TypeParam>([&](TypeParam* self) {
          reference = Make<WeakRef<TypeParam>>(self);
          EXPECT_TRUE(registry->Register(self, 1).ok());
          root = self;
          stepper.AdvanceTo(step);
          EXPECT_EQ(reference->Deref(), self);
          self->between = Make<Leaf>(3);
          this->Overwrite();
        });
      });
      stepper.FinishCycle();
    }
    this->CollectPrecisely();
    this->Overwrite();
    EXPECT_TRUE(root->IsWhole()) << static_cast<int>(step);
    EXPECT_EQ(NoInline([&] { return reference->Deref() == root; }), true);
    root = nullptr;
    this->CollectPrecisely();
    this->mutator().Safepoint();
    EXPECT_TRUE(reference->IsCleared());
    EXPECT_EQ(delivered, 1);
  }
}

TYPED_TEST(MemoryConstructorTest, OneThatThrowsLeavesNothing) {
  for (int i = 0; i < 300; i++) this->Fail([](TypeParam*) {});
  this->CollectPrecisely();
  EXPECT_EQ(TypeParam::destroyed, 0);
  EXPECT_EQ(this->heap().Stats().live_bytes, 0u);
  EXPECT_LE(this->heap().Stats().heap_bytes, 1u << 20);
}

TYPED_TEST(MemoryConstructorTest, WeakHandlesToOneThatThrewAreCleared) {
  int delivered = 0;
  const auto registry = Persistent(Make<FinalizationRegistry<int>>([&](int) { delivered++; }));
  Persistent<WeakRef<TypeParam>> reference;
  WeakPersistent<TypeParam> weak;
  this->Fail([&](TypeParam* self) {
    reference = Make<WeakRef<TypeParam>>(self);
    weak = self;
    EXPECT_TRUE(registry->Register(self, 1).ok());
  });
  this->CollectPrecisely();
  this->mutator().Safepoint();
  EXPECT_TRUE(reference->IsCleared());
  EXPECT_EQ(weak.Get(), nullptr);
  EXPECT_EQ(delivered, 1);
  EXPECT_EQ(TypeParam::destroyed, 0);
}

TYPED_TEST(MemoryConstructorTest, OneThatThrowsAfterWholeCyclesLeavesNothing) {
  for (int i = 0; i < 20; i++) {
    Persistent<WeakRef<TypeParam>> reference;
    this->Fail([&](TypeParam* self) {
      this->heap().Collect();
      reference = Make<WeakRef<TypeParam>>(self);
      this->heap().Collect();
      self->between = Make<Leaf>(3);
      this->heap().Collect();
    });
    this->CollectPrecisely();
    EXPECT_TRUE(reference->IsCleared());
  }
  EXPECT_EQ(TypeParam::destroyed, 0);
}

TYPED_TEST(MemoryConstructorTest, OneThatThrowsInAnyStepOfACycleLeavesNothing) {
  for (const CycleStep from : kAllSteps) {
    for (const CycleStep to : kAllSteps) {
      if (to < from) continue;
      Persistent<WeakRef<TypeParam>> reference;
      {
        CycleStepper stepper(this->heap());
        stepper.AdvanceTo(from);
        this->Fail([&](TypeParam* self) {
          reference = Make<WeakRef<TypeParam>>(self);
          if (to > from) stepper.AdvanceTo(to);
        });
        stepper.FinishCycle();
        EXPECT_EQ(TypeParam::destroyed, 0) << static_cast<int>(from) << " " << static_cast<int>(to);
      }
      this->CollectPrecisely();
      this->CollectPrecisely();
      EXPECT_TRUE(reference->IsCleared()) << static_cast<int>(from) << " " << static_cast<int>(to);
      EXPECT_EQ(TypeParam::destroyed, 0);
    }
  }
}

// Holds up the sweep, which destroys it.
class Obstacle {
 public:
  ~Obstacle() {
    entered = true;
    entered.notify_all();
    released.wait(false);
  }
  void Trace(Visitor&) const {}
  static std::atomic<bool> entered, released;
};
std::atomic<bool> Obstacle::entered{false}, Obstacle::released{false};

// The cycle has ended for this thread, but the sweep has not come to the object yet.
TYPED_TEST(MemoryConstructorTest, OneThatThrowsWhileItIsYetToBeSweptLeavesNothing) {
  for (int i = 0; i < 5; i++) {
    Obstacle::entered = Obstacle::released = false;
    // More than one: a stale word on the stack may hold one or the other.
    NoInline([] {
      for (int obstacle = 0; obstacle < 100; obstacle++) Make<Obstacle>();
    });
    this->mutator().EndTurn(StackState::kNoPointers);
    std::thread collector;
    Persistent<WeakRef<TypeParam>> reference;
    this->Fail([&](TypeParam* self) {
      reference = Make<WeakRef<TypeParam>>(self);
      const BlockingRegion region(this->mutator());
      collector = std::thread([&] { this->heap().Collect(); });
      Obstacle::entered.wait(false);
    });
    Obstacle::released = true;
    Obstacle::released.notify_all();
    {
      const BlockingRegion region(this->mutator());
      collector.join();
    }
    EXPECT_EQ(TypeParam::destroyed, 0);
    this->CollectPrecisely();
    EXPECT_TRUE(reference->IsCleared());
    EXPECT_EQ(TypeParam::destroyed, 0);
  }
}

// ---- constructors that have handed out their object ----

template <class T>
struct Holder {
  Member<T> slot;
};

// It has taken the reference back; what the barrier has noted of it is still there.
TYPED_TEST(MemoryConstructorTest, OneThatWasReferredToBeforeItThrewLeavesNothing) {
  const Persistent<Holder<TypeParam>> holder = Make<Holder<TypeParam>>();
  for (const CycleStep step : kAllSteps) {
    CycleStepper stepper(this->heap());
    stepper.AdvanceTo(step);
    this->Fail([&](TypeParam* self) {
      holder->slot = self;
      holder->slot = nullptr;
    });
    stepper.FinishCycle();
    for (int i = 0; i < 3; i++) this->CollectPrecisely();
    EXPECT_EQ(TypeParam::destroyed, 0) << static_cast<int>(step);
  }
}

// A misuse, but not by all: what the constructor has made may refer to its object, and live on for
// a while because of a stale word.
TYPED_TEST(MemoryConstructorTest, OneThatThrewAndIsReferredToIsNeverDestroyed) {
  Persistent<Holder<TypeParam>> holder = Make<Holder<TypeParam>>();
  this->Fail([&](TypeParam* self) { holder->slot = self; });
  for (int i = 0; i < 3; i++) this->CollectPrecisely();
  holder = nullptr;
  for (int i = 0; i < 3; i++) this->CollectPrecisely();
  EXPECT_EQ(TypeParam::destroyed, 0);
}

TYPED_TEST(MemoryConstructorTest, WeakReadsBringBackNoneThatThrew) {
  for (const CycleStep step :
       {CycleStep::kBarrierOn, CycleStep::kStacksScanned, CycleStep::kMarked}) {
    WeakPersistent<TypeParam> weak;
    this->Fail([&](TypeParam* self) { weak = self; });
    CycleStepper stepper(this->heap());
    stepper.AdvanceTo(step);
    NoInline([&] { weak.Get(); });
    stepper.FinishCycle();
    EXPECT_EQ(weak.Get(), nullptr) << static_cast<int>(step);
    for (int i = 0; i < 2; i++) this->CollectPrecisely();
    EXPECT_EQ(TypeParam::destroyed, 0) << static_cast<int>(step);
  }
}

TYPED_TEST(MemoryConstructorTest, WeakHandlesToOneThatThrewNameNoneThatIsMadeLater) {
  WeakPersistent<TypeParam> weak;
  this->Fail([&](TypeParam* self) { weak = self; });
  this->Detach();
  const Mutator again(this->heap());
  std::vector<Persistent<TypeParam>> later;
  for (int i = 0; i < 100; i++) later.emplace_back(Make<TypeParam>([](TypeParam*) {}));
  this->heap().Collect();
  EXPECT_EQ(weak.Get(), nullptr);
}

// Does not get to its last slot if it is handed out.
class Unfinished {
 public:
  explicit Unfinished(Leaf* leaf) : leaf_(leaf) {}
  explicit Unfinished(Member<Unfinished>& to) : refusal_(HandOut(to)), leaf_(nullptr) {}
  void Trace(Visitor& visitor) const { visitor.Trace(leaf_); }

 private:
  int HandOut(Member<Unfinished>& to) {
    to = this;
    throw Trouble();
  }

  int refusal_ = 0;
  Member<Leaf> leaf_;
};

class UnfinishedTest : public HeapTest {};

// What an earlier object has left there is no reference.
TEST_F(UnfinishedTest, ASlotThatWasNotReachedRefersToNothing) {
  Persistent<Leaf> leaf = Make<Leaf>(1);
  const WeakPersistent<Leaf> weak = leaf.get();
  const auto place =
      NoInline([&] { return ~reinterpret_cast<std::uintptr_t>(Make<Unfinished>(leaf)); });
  CollectPrecisely();
  const Persistent<Holder<Unfinished>> holder = Make<Holder<Unfinished>>();
  NoInline([&] { EXPECT_THROW(Make<Unfinished>(holder->slot), Trouble); });
  ASSERT_EQ(~reinterpret_cast<std::uintptr_t>(holder->slot.get()), place);
  leaf = nullptr;
  CollectPrecisely();
  EXPECT_EQ(weak.Get(), nullptr);
}

// Says when it is traced before it is built.
class Building {
 public:
  template <class F>
  explicit Building(F&& f) {
    std::forward<F>(f)(this);
    is_built_ = true;
  }
  void Trace(Visitor&) const {
    if (!is_built_) halves_were_traced = true;
  }
  static std::atomic<bool> halves_were_traced;

 private:
  bool is_built_ = false;
};
std::atomic<bool> Building::halves_were_traced{false};

class BuildingTest : public HeapTest {};

TEST_F(BuildingTest, AWeakReadBeforeTheScanGivesTheMarkerNoHalf) {
  Building::halves_were_traced = false;
  heap().Collect();  // the one that follows must not take its scans for its own
  CycleStepper stepper(heap());
  stepper.AdvanceTo(CycleStep::kBarrierOn);
  WeakPersistent<Building> weak;
  const Persistent<Building> built = Make<Building>([&](Building* self) {
    weak = self;
    EXPECT_EQ(weak.Get(), self);
    stepper.AdvanceTo(CycleStep::kMarked);
  });
  stepper.FinishCycle();
  EXPECT_FALSE(Building::halves_were_traced);
  EXPECT_EQ(weak.Get(), built);
}

}  // namespace
}  // namespace elegy::test
