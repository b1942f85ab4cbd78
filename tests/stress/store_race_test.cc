// Two stores to one slot, the first with the barrier seen off, the second with its barrier on and
// interrupted between the barrier and the store:
//
//   first   has found the barrier off and is about to store B
//           the cycle begins; second answers handshake 1
//   second  has shaded what the slot holds, and is about to store C
//   first   stores B; answers handshake 1; drops B; is scanned; reads B back from the slot
//   second  stores C over B; is scanned
//
// Now first holds B, which no scan has seen and nobody has shaded. Handshake 1 runs twice so that
// first cannot be scanned before second's store has ended.

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/actor.h"
#include "tests/support/store_trap.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

template <class Slot>
class StoreRace {
 public:
  using Store = std::function<void(Slot&, Counted*)>;

  StoreRace(Heap& heap, Store store)
      : heap_(heap), store_(std::move(store)), first_(heap), second_(heap) {}

  void Run() {
    first_.Do([this] {
      array_ = MakeArray<Slot>(5000);
      other_ = Make<Counted>(2, census_);
      slot_ = &(*array_)[2500];
    });
    ProtectPage(slot_, false);
    StoreTrap off;
    first_.Start([&] { off.Run([&] { store_(*slot_, Make<Counted>(1, census_)); }); });
    off.AwaitStopped();
    const std::uint64_t barriers = Answers(heap_, 1);
    const std::uint64_t scans = Answers(heap_, 2);
    CycleStepper stepper(heap_);
    std::thread collector([&] { stepper.AdvanceTo(CycleStep::kStacksScanned); });
    AwaitAnswers(heap_, 1, barriers + 1);  // second's
    StoreTrap on;
    second_.Start([&] { on.Run([&] { store_(*slot_, other_); }); });
    on.AwaitStopped();
    ProtectPage(slot_, true);
    off.Release();
    // First's second answer to handshake 1; or, if it is asked only once, its scan.
    while (Answers(heap_, 1) < barriers + 3 && Answers(heap_, 2) < scans + 1) {
      std::this_thread::yield();
    }
    std::atomic<bool> taken{false};
    std::atomic<bool> finished{false};
    first_.Start([&] {
      Counted* const counted = *slot_;
      taken = true;
      while (!finished) Mutator::Current().Safepoint();
      EXPECT_EQ(counted->id(), 1u);
    });
    while (!taken) std::this_thread::yield();
    on.Release();
    second_.Await();
    collector.join();
    stepper.FinishCycle();
    finished = true;
    first_.Await();
    heap_.Collect();
    EXPECT_EQ(census_.destroyed, 1u);
  }

 private:
  Heap& heap_;
  const Store store_;
  Census census_;
  Persistent<Array<Slot>> array_;
  Slot* slot_ = nullptr;
  Persistent<Counted> other_;
  Actor first_;
  Actor second_;
};

class StoreRaceTest : public StressTest {
 public:
  void SetUp() override {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP()
        << "ThreadSanitizer stores under a lock of its own, one for each address: a thread "
           "that is stopped in its store would stop the other one too";
#endif
  }
};

TEST_F(StoreRaceTest, MemberShadesWhatItOverwrites) {
  StoreRace<Member<Counted>>(heap(), [](auto& slot, Counted* value) { slot = value; }).Run();
}

TEST_F(StoreRaceTest, AtomicStoreShadesWhatItOverwrites) {
  StoreRace<AtomicMember<Counted>>(heap(), [](auto& slot, Counted* value) {
    slot.store(value);
  }).Run();
}

TEST_F(StoreRaceTest, AtomicExchangeShadesWhatItOverwrites) {
  StoreRace<AtomicMember<Counted>>(heap(), [](auto& slot, Counted* value) {
    slot.exchange(value);
  }).Run();
}

}  // namespace
}  // namespace elegy::test
