// Between the end of all weak reads (handshake 4) and the sweep of a block: what is dead is still
// in its place, and mutators run.
//
// A large object whose destructor waits holds the collector there: large objects are swept first.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>

#include "elegy/elegy.h"
#include "tests/support/actor.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

struct Barrier {
  std::atomic<bool> entered{false};
  std::atomic<bool> open{false};
};

void Await(const std::atomic<bool>& flag) {
  while (!flag) std::this_thread::yield();
}

class Stopper {
 public:
  explicit Stopper(Barrier& barrier) : barrier_(&barrier) {}
  ~Stopper() {
    barrier_->entered = true;
    Await(barrier_->open);
  }
  void Trace(Visitor&) const {}

 private:
  Barrier* barrier_;
  [[maybe_unused]] std::array<char, 40000> filling_{};
};

class SweepWindowTest : public StressTest {
 public:
  // Begins a collection that will stop when everything dead is to be swept.
  void BeginCollection() {
    other_.Do([this] { Make<Stopper>(barrier_); });
    collector_ = std::thread([this] { heap().Collect(); });
  }
  void EndCollection() {
    barrier_.open = true;
    collector_.join();
  }
  Barrier& barrier() { return barrier_; }
  Actor& actor() { return actor_; }
  Census& census() { return census_; }

 private:
  Barrier barrier_;
  Census census_;
  Actor actor_{heap()};
  Actor other_{heap()};  // so that the actor's stack holds nothing of the collection's
  std::thread collector_;
};

struct Throwing {
  Throwing(Barrier& barrier, Census& census) : inside(1, census) {
    while (!barrier.entered) Mutator::Current().Safepoint();
    throw std::runtime_error("made to fail");
  }
  void Trace(Visitor&) const {}
  Counted inside;
};

TEST_F(SweepWindowTest, AConstructorThatThrowsThereLeavesNothingToDestroy) {
  BeginCollection();
  actor().Do([&] { EXPECT_THROW(Make<Throwing>(barrier(), census()), std::runtime_error); });
  EndCollection();
  EXPECT_EQ(census().made, 1u);
  EXPECT_EQ(census().destroyed, 1u);
  heap().Collect();
  EXPECT_EQ(census().destroyed, 1u);
}

struct LargeThrowing {
  LargeThrowing(Barrier& barrier, Census& census) : inside(1, census) {
    while (!barrier.entered) Mutator::Current().Safepoint();
    throw std::runtime_error("made to fail");
  }
  void Trace(Visitor&) const {}
  Counted inside;
  std::array<char, 40000> filling;
};

TEST_F(SweepWindowTest, ALargeObjectsConstructorThatThrowsThereLeavesNothingToDestroy) {
  BeginCollection();
  actor().Do([&] { EXPECT_THROW(Make<LargeThrowing>(barrier(), census()), std::runtime_error); });
  EndCollection();
  heap().Collect();
  EXPECT_EQ(census().destroyed, 1u);
}

TEST_F(SweepWindowTest, RunNowOfADeadRegistryRunsNothing) {
  using Registry = FinalizationRegistry<Member<Counted>>;
  Registration registration;
  int ran = 0;
  actor().Do([&] {
    Registry* const registry = Make<Registry>([&ran](Member<Counted>) { ran++; });
    Counted* const target = Make<Counted>(1, census());
    registration = *registry->Track(target, Member<Counted>(Make<Counted>(2, census())));
  });
  BeginCollection();
  Await(barrier().entered);
  actor().Do([&] { EXPECT_FALSE(registration.RunNow()); });
  EndCollection();
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(heap().Stats().records_dropped, 1u);
}

TEST_F(SweepWindowTest, CancelOfADeadRegistryCountsOnce) {
  using Registry = FinalizationRegistry<int>;
  Registration registration;
  actor().Do([&] {
    Registry* const registry = Make<Registry>([](int) {});
    registration = *registry->Track(Make<Counted>(1, census()), 1);
  });
  BeginCollection();
  Await(barrier().entered);
  actor().Do([&] { registration.Cancel(); });
  EndCollection();
  const HeapStats stats = heap().Stats();
  EXPECT_EQ(stats.records_dropped + stats.records_cancelled, 1u);
}

TEST_F(SweepWindowTest, WeakViewsReadClearedThere) {
  Persistent<WeakRef<Counted>> ref;
  WeakPersistent<Counted> weak;
  actor().Do([&] {
    Counted* const target = Make<Counted>(1, census());
    ref = Make<WeakRef<Counted>>(target);
    weak = target;
  });
  BeginCollection();
  Await(barrier().entered);
  actor().Do([&] {
    EXPECT_TRUE(ref->IsCleared());
    EXPECT_EQ(ref->Deref(), nullptr);
    EXPECT_EQ(weak.Get(), nullptr);
  });
  EndCollection();
}

// Objects made there lie in blocks of the new epoch, and outlive this sweep and the next.
TEST_F(SweepWindowTest, ObjectsMadeThereLive) {
  Persistent<Array<Member<Counted>>> array;
  BeginCollection();
  Await(barrier().entered);
  actor().Do([&] {
    array = MakeArray<Member<Counted>>(2000);
    for (std::size_t i = 0; i < array->size(); i++) (*array)[i] = Make<Counted>(i + 1, census());
  });
  EndCollection();
  heap().Collect();
  for (std::size_t i = 0; i < array->size(); i++) {
    EXPECT_EQ((*array)[i]->id(), i + 1);
  }
  EXPECT_EQ(census().destroyed, 0u);
}

}  // namespace
}  // namespace elegy::test
