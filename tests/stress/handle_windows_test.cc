// A thread that is not attached answers no handshake. It may have found the barrier off and be
// about to store to a handle when the cycle begins:
//
//   unattached  has found the heap idle, and is about to store B over A
//               the cycle begins
//   mutator     is scanned; reads A from the handle
//   unattached  stores B over A
//
// Now the mutator holds A, which no scan has seen and nobody has shaded. So the collector waits for
// the store, by passing through the lock under which it is done, before anybody is scanned.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/actor.h"
#include "tests/support/store_trap.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

// Where a handle's target stands: handles are pointers to it.
const void* NodeOf(const Persistent<Counted>& handle) {
  return *reinterpret_cast<void* const*>(&handle);
}

class HandleWindowsTest : public StressTest {};

TEST_F(HandleWindowsTest, AStoreThatBeganWithoutShadingEndsBeforeTheScans) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer stores under a lock of its own, one for each address";
#endif
  Census census;
  Actor actor(heap());
  Persistent<Counted> handle;
  Persistent<Counted> other;
  // Handles made one after the other stand side by side, 256 of 32 bytes each: in the page of the
  // one in the middle is nothing else.
  std::vector<Persistent<Counted>> neighbours(127);
  actor.Do([&] {
    other = Make<Counted>(2, census);
    for (Persistent<Counted>& each : neighbours) each = other;
    handle = Make<Counted>(1, census);
  });
  const std::uint64_t scans = Answers(heap(), 2);
  ProtectPage(NodeOf(handle), false);
  StoreTrap trap;
  std::thread unattached([&] { trap.Run([&] { handle = other; }); });
  trap.AwaitStopped();
  CycleStepper stepper(heap());
  std::thread collector([&] { stepper.AdvanceTo(CycleStep::kStacksScanned); });
  // Long enough for a scan that does not wait for the store.
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  while (Answers(heap(), 2) == scans && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
  }
  std::atomic<bool> taken{false};
  std::atomic<bool> finished{false};
  actor.Start([&] {
    const Counted* const counted = handle.get();
    taken = true;
    while (!finished) Mutator::Current().Safepoint();
    EXPECT_EQ(counted->id(), 1u);
  });
  while (!taken) std::this_thread::yield();
  ProtectPage(NodeOf(handle), true);
  trap.Release();
  unattached.join();
  collector.join();
  stepper.FinishCycle();
  finished = true;
  actor.Await();
  EXPECT_EQ(handle->id(), 2u);
}

}  // namespace
}  // namespace elegy::test
