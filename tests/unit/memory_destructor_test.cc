// Destructors of managed objects: exactly once, after every weak view of the object has been
// cleared, and before Collect returns.

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

constexpr int kMost = 40'000;
std::array<std::atomic<int>, kMost> g_destroyed;

int TotalDestroyed() {
  int total = 0;
  for (const std::atomic<int>& each : g_destroyed) total += each;
  return total;
}
bool NoneIsDestroyedTwice() {
  for (const std::atomic<int>& each : g_destroyed) {
    if (each > 1) return false;
  }
  return true;
}

// Tells when it is destroyed which of all it was.
class Mortal {
 public:
  explicit Mortal(int number) : number_(number) {}
  Mortal(const Mortal&) = delete;
  Mortal& operator=(const Mortal&) = delete;
  ~Mortal() { g_destroyed[static_cast<std::size_t>(number_)]++; }
  void Trace(Visitor& visitor) const { visitor.Trace(next); }

  Member<Mortal> next;

 private:
  const int number_;
};

class MemoryDestructorTest : public HeapTest {
 protected:
  MemoryDestructorTest() {
    for (std::atomic<int>& each : g_destroyed) each = 0;
  }

  // Runs f on another thread of this heap, so that this thread's stack knows nothing of it.
  template <class F>
  void OnGuest(F&& f) {
    const BlockingRegion region(mutator());
    std::thread([&] {
      const Mutator guest(heap());
      std::forward<F>(f)();
    }).join();
  }
};

TEST_F(MemoryDestructorTest, EachOfTheDeadIsDestroyedOnceAndNoneOfTheLiving) {
  std::vector<Persistent<Mortal>> living;
  NoInline([&] {
    for (int i = 0; i < kMost; i++) {
      Mortal* const mortal = Make<Mortal>(i);
      if (i % 7 == 0) living.emplace_back(mortal);
    }
  });
  for (int cycle = 0; cycle < 3; cycle++) {
    CollectPrecisely();
    for (int i = 0; i < kMost; i++) {
      ASSERT_EQ(g_destroyed[static_cast<std::size_t>(i)], i % 7 == 0 ? 0 : 1) << i;
    }
  }
  living.clear();
  CollectPrecisely();
  EXPECT_TRUE(NoneIsDestroyedTwice());
  EXPECT_EQ(TotalDestroyed(), kMost);
}

TEST_F(MemoryDestructorTest, TheHeapsEndDestroysWhatIsLeft) {
  Detach();
  constexpr int kCount = 1000;
  {
    Heap other(TestOptions());
    std::vector<Persistent<Mortal>> roots;
    const Mutator mutator(other);
    for (int i = 0; i < kCount; i++) {
      Mortal* const mortal = Make<Mortal>(i);
      if (i % 2 == 0) roots.emplace_back(mortal);
      if (i == kCount / 2) other.Collect();
    }
  }
  EXPECT_TRUE(NoneIsDestroyedTwice());
  EXPECT_EQ(TotalDestroyed(), kCount);
}

TEST_F(MemoryDestructorTest, TheHeapsEndDestroysWhatDetachedThreadsHaveMade) {
  Detach();
  constexpr int kThreads = 8;
  constexpr int kEach = 500;
  {
    Heap other(TestOptions());
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; t++) {
      threads.emplace_back([&other, t] {
        const Mutator mutator(other);
        for (int i = 0; i < kEach; i++) Make<Mortal>(t * kEach + i);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_TRUE(NoneIsDestroyedTwice());
  EXPECT_EQ(TotalDestroyed(), kThreads * kEach);
}

TEST_F(MemoryDestructorTest, WeakViewsAreClearedBeforeTheDestructorRuns) {
  WeakPersistent<Mortal> weak;
  Persistent<WeakRef<Mortal>> reference;
  OnGuest([&] {
    Mortal* const mortal = Make<Mortal>(0);
    weak = mortal;
    reference = Make<WeakRef<Mortal>>(mortal);
  });
  CycleStepper stepper(heap());
  for (const CycleStep step :
       {CycleStep::kFlipped, CycleStep::kCellsCleared, CycleStep::kRecordsQueued}) {
    stepper.AdvanceTo(step);
    EXPECT_TRUE(reference->IsCleared());
    EXPECT_EQ(weak.Get(), nullptr);
    EXPECT_EQ(TotalDestroyed(), 0);
  }
  stepper.FinishCycle();
  EXPECT_EQ(TotalDestroyed(), 1);
}

TEST_F(MemoryDestructorTest, WhatAWeakReadBringsBackIsNotDestroyed) {
  WeakPersistent<Mortal> weak;
  OnGuest([&] { weak = Make<Mortal>(0); });
  {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(CycleStep::kMarked);
    const Mortal* const mortal = weak.Get();
    EXPECT_NE(mortal, nullptr);
    stepper.FinishCycle();
    EXPECT_EQ(weak.Get(), mortal);
    EXPECT_EQ(TotalDestroyed(), 0);
    KeepAlive(mortal);
  }
  CollectPrecisely();
  EXPECT_EQ(TotalDestroyed(), 1);
}

TEST_F(MemoryDestructorTest, WhatDiesInEveryPhaseIsDestroyedOnce) {
  int made = 0;
  for (const CycleStep step :
       {CycleStep::kBarrierOn, CycleStep::kStacksScanned, CycleStep::kMarked, CycleStep::kFlipped,
        CycleStep::kCellsCleared, CycleStep::kRecordsQueued, CycleStep::kSwept}) {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    NoInline([&made] {
      for (int i = 0; i < 500; i++) Make<Mortal>(made++);
    });
    stepper.FinishCycle();
  }
  CollectPrecisely();
  EXPECT_TRUE(NoneIsDestroyedTwice());
  EXPECT_EQ(TotalDestroyed(), made);
}

TEST_F(MemoryDestructorTest, CyclesOfDeadObjectsAreDestroyed) {
  NoInline([] {
    Mortal* const first = Make<Mortal>(0);
    Mortal* last = first;
    for (int i = 1; i < 1000; i++) {
      last->next = Make<Mortal>(i);
      last = last->next;
    }
    last->next = first;
  });
  CollectPrecisely();
  EXPECT_TRUE(NoneIsDestroyedTwice());
  EXPECT_EQ(TotalDestroyed(), 1000);
}

// The parts of an object go with it: a sanitizer would tell of any that did not.
struct Estate {
  explicit Estate(int number) : mortal(number) {}
  void Trace(Visitor& visitor) const { visitor.Trace(mortal); }
  Mortal mortal;
  std::string text = "a text that is too long to be stored in place";
  std::unique_ptr<std::string> owned = std::make_unique<std::string>(100, 'x');
  std::vector<int> numbers = std::vector<int>(100, 1);
};

TEST_F(MemoryDestructorTest, PartsAreDestroyedWithTheirObject) {
  NoInline([] {
    for (int i = 0; i < 1000; i++) Make<Estate>(i);
  });
  CollectPrecisely();
  EXPECT_EQ(TotalDestroyed(), 1000);
}

struct Huge {
  explicit Huge(int number) : mortal(number) {}
  void Trace(Visitor& visitor) const { visitor.Trace(mortal); }
  std::array<char, 100'000> bytes;
  Mortal mortal;
};

TEST_F(MemoryDestructorTest, LargeObjectsAreDestroyedOnce) {
  const Persistent<Huge> living = NoInline([] {
    for (int i = 1; i < 50; i++) Make<Huge>(i);
    return Make<Huge>(0);
  });
  CollectPrecisely();
  EXPECT_EQ(TotalDestroyed(), 49);
  EXPECT_EQ(g_destroyed[0], 0);
  CollectPrecisely();
  EXPECT_EQ(TotalDestroyed(), 49);
}

// Make knows the exact type, whatever refers to the object.
class Animal {
 public:
  virtual ~Animal() = default;
  virtual void Trace(Visitor&) const {}
};
class Cat final : public Animal {
 public:
  explicit Cat(int number) : mortal_(number) {}
  void Trace(Visitor& visitor) const override { visitor.Trace(mortal_); }

 private:
  Mortal mortal_;
};
class Plain {  // without a virtual destructor
 public:
  void Trace(Visitor&) const {}
};
class Rich final : public Plain {
 public:
  explicit Rich(int number) : mortal_(number) {}
  void Trace(Visitor& visitor) const { visitor.Trace(mortal_); }

 private:
  Mortal mortal_;
};

TEST_F(MemoryDestructorTest, DerivedDestructorsRunBehindBasePointers) {
  Persistent<Animal> animal = NoInline([] { return Make<Cat>(0); });
  Persistent<Plain> plain = NoInline([] { return Make<Rich>(1); });
  CollectPrecisely();
  EXPECT_EQ(TotalDestroyed(), 0);
  animal = nullptr;
  plain = nullptr;
  CollectPrecisely();
  EXPECT_EQ(TotalDestroyed(), 2);
}

// A handle in a managed object is given back by its destructor.
class Owner {
 public:
  explicit Owner(Mortal* target) : root_(target), weak_(target) {}
  void Trace(Visitor&) const {}

 private:
  Persistent<Mortal> root_;
  WeakPersistent<Mortal> weak_;
};

TEST_F(MemoryDestructorTest, AHandleInAManagedObjectIsARootUntilItsOwnerIsDestroyed) {
  Persistent<Owner> owner = NoInline([] { return Make<Owner>(Make<Mortal>(0)); });
  CollectPrecisely();
  EXPECT_EQ(TotalDestroyed(), 0);
  owner = nullptr;
  CollectPrecisely();  // the owner dies, and the handle goes
  CollectPrecisely();
  EXPECT_EQ(TotalDestroyed(), 1);
}

// What a library that has been unloaded has left, where nothing of it lives any more.
TEST_F(MemoryDestructorTest, TheHeapsEndReadsNoTypeWithoutObjects) {
  constexpr std::size_t kPage = 4096;
  void* const page =
      mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  static int destroyed = 0;
  destroyed = 0;
  const auto* const type = new (page)
      internal::TypeInfo({.name = "unloaded", .destroy = [](void*) { destroyed++; }, .size = 32});
  Detach();
  {
    Heap other(TestOptions());
    const Mutator attached(other);
    internal::AllocateSlowly(internal::CurrentMutator(), *type, 32, 8);
    for (int i = 0; i < 2; i++) other.Collect(StackState::kNoPointers);
    EXPECT_EQ(destroyed, 1);
    ASSERT_EQ(mprotect(page, kPage, PROT_NONE), 0);
  }
  EXPECT_EQ(destroyed, 1);
}

// No destructor, no trace of any: such objects come and go in one stroke.
struct Trivial {
  double x = 1, y = 2;
};
static_assert(std::is_trivially_destructible_v<Trivial>);

TEST_F(MemoryDestructorTest, TriviallyDestructibleObjectsJustGo) {
  const Persistent<Trivial> living = NoInline([] {
    for (int i = 0; i < 100'000; i++) Make<Trivial>();
    return Make<Trivial>();
  });
  CollectPrecisely();
  EXPECT_LE(heap().Stats().live_bytes, 2 * sizeof(Trivial));
  EXPECT_EQ(living->x + living->y, 3);
}

}  // namespace
}  // namespace elegy::test
