// HeapOptions::handshake_warning: a thread that keeps the collector waiting is named, once for each
// handshake, while the others go on.

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/actor.h"
#include "tests/support/stderr_pipe.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;

constexpr std::chrono::milliseconds kWarning(20);

struct Node {
  std::int64_t value = 0;
};

// Gives the actor's thread a name and returns how a line names it.
std::string Named(Actor& actor, const char* name) {
  std::string named;
  actor.Do([&] {
    pthread_setname_np(pthread_self(), name);
    named = "elegy: thread " + std::to_string(syscall(SYS_gettid)) + " \"" + name + "\" ";
  });
  return named;
}

class LateAnswerTest : public StressTest {
 protected:
  LateAnswerTest() : StressTest({.handshake_warning = kWarning}) {}
};

TEST_F(LateAnswerTest, AThreadWithoutSafepointsIsNamedWhileOthersGoOn) {
  Actor late(heap()), busy(heap()), blocked(heap());
  const std::string name = Named(late, "late one");
  const std::string blocked_name = Named(blocked, "blocked one");
  std::atomic<bool> leave{false};
  blocked.Start([&] {
    const BlockingRegion region(Mutator::Current());
    while (!leave) std::this_thread::yield();
  });
  late.StandStill();
  {
    StderrPipe errors;
    std::thread collector([this] { heap().Collect(); });
    EXPECT_NE(errors.AwaitLine(name + "has not answered handshake 1 (barrier on) for "), "");
    busy.Do([] {
      for (int i = 0; i < 100'000; i++) Make<Node>();
    });
    EXPECT_EQ(heap().Stats().cycles, 0u);
    std::this_thread::sleep_for(3 * kWarning);
    EXPECT_EQ(errors.CountLines(name), 1u);
    late.Poll();
    collector.join();
    EXPECT_GE(heap().Stats().cycles, 1u);
    EXPECT_EQ(errors.CountLines(blocked_name), 0u);
  }
  leave = true;
}

TEST_F(LateAnswerTest, EachHandshakeIsNamed) {
  Actor late(heap());
  const std::string name = Named(late, "late one");
  const std::pair<CycleStep, const char*> kHandshakes[] = {
      {CycleStep::kBarrierOn, "handshake 2 (stacks scanned)"},
      {CycleStep::kStacksScanned, "handshake 3 (termination round)"},
      {CycleStep::kRecordsQueued, "handshake 4 (reads ended)"}};
  for (const auto& [step, handshake] : kHandshakes) {
    CycleStepper stepper(heap());
    stepper.AdvanceTo(step);
    late.StandStill();
    StderrPipe errors;
    std::thread finisher([&] { stepper.FinishCycle(); });
    EXPECT_NE(errors.AwaitLine(name + "has not answered " + handshake), "");
    late.Poll();
    finisher.join();
  }
}

TEST_F(LateAnswerTest, AThreadThatDoesNotStandStillForASnapshotIsNamed) {
  Actor late(heap());
  const std::string name = Named(late, "late one");
  heap().SetObserver([&](const HeapEvent& event) {
    if (event.kind == HeapEvent::Kind::kCycleFinished) late.StandStill();
  });
  StderrPipe errors;
  std::ostringstream snapshot;
  std::thread writer([&] { EXPECT_TRUE(heap().WriteSnapshot(snapshot).ok()); });
  EXPECT_NE(errors.AwaitLine(name + "has not answered the request to stand still for "), "");
  late.Poll();
  writer.join();
  heap().SetObserver(nullptr);
}

}  // namespace
}  // namespace elegy::test
