// Handshakes: between the collector and mutators that run, block, attach and detach, every answer
// is given once, nobody stays asleep, and nobody runs while held.

#include "src/mutator/handshake.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "src/mutator/mutator_impl.h"
#include "tests/interleave/explore.h"
#include "tests/interleave/scheduler.h"

namespace elegy::internal {
namespace {

using interleave::ExpectHolds;
using interleave::Require;
using interleave::Start;
using interleave::Together;

constexpr std::size_t kReserve = std::size_t{64} << 20;

HeapOptions Options() {
  HeapOptions options;
  options.max_heap_bytes = kReserve / 2;
  options.marker_threads = 1;
  options.conservative_stacks = false;
  return options;
}

class Scene {
 public:
  Scene() {
    // Figures: no step hangs on them.
    const auto* const begin = reinterpret_cast<const char*>(&state.handshake_delays);
    const auto* const end = reinterpret_cast<const char*>(&state.cells_cleared);
    interleave::Ignore(begin, static_cast<std::size_t>(end - begin));
  }

  // The collector's work without a collector: after handshake 4 each attached mutator has answered
  // as many of them as there have been since it came.
  void Quiesce() {
    RunHandshake(state, Handshake::kQuiesce);
    MutexLock lock(state.mutators_mutex);
    for (const auto& [id, mutator] : state.mutators) {
      Require(mutator->epoch == state.cycle, "a mutator has not answered exactly once");
    }
  }

  // What a mutator does between two safepoints; nobody may while it is held.
  void Work(int mutator) {
    running_[mutator] = true;
    point_.load();
    running_[mutator] = false;
  }

  void Hold() {
    HoldScope hold(state);
    for (int i = 0; i < 2; i++) {
      for (const bool running : running_) Require(!running, "a mutator runs while all are held");
      point_.load();
    }
  }

  HeapState state{Options(), kReserve};

 private:
  std::atomic<int> point_{0};
  bool running_[2] = {};
};

void Block(MutatorImpl& mutator) {
  EnterBlocked(mutator, __builtin_frame_address(0));
  LeaveBlocked(mutator);
}

TEST(HandshakeTest, AMutatorThatPolls) {
  ExpectHolds("handshake, polls", {.preemptions = 3}, [] {
    Scene scene;
    Together({[&] {
                MutatorImpl mutator(scene.state);
                interleave::Ready();
                AnswerIfAsked(mutator);
                AnswerIfAsked(mutator);
                mutator.Detach();
              },
              [&] {
                interleave::Ready();
                scene.Quiesce();
              }},
             Start::kWhenReady);
  });
}

TEST(HandshakeTest, AMutatorThatBlocks) {
  ExpectHolds("handshake, blocks", {.preemptions = 2}, [] {
    Scene scene;
    Together({[&] {
                MutatorImpl mutator(scene.state);
                interleave::Ready();
                Block(mutator);
                Block(mutator);
                mutator.Detach();
              },
              [&] {
                interleave::Ready();
                scene.Quiesce();
                scene.Quiesce();
              }},
             Start::kWhenReady);
  });
}

TEST(HandshakeTest, TwoMutatorsOneOfWhichAttaches) {
  ExpectHolds("handshake, attaches", {.preemptions = 1, .random_schedules = 2000}, [] {
    Scene scene;
    Together({[&] {
                MutatorImpl mutator(scene.state);
                interleave::Ready();
                AnswerIfAsked(mutator);
                mutator.Detach();
              },
              [&] {
                interleave::Ready();
                MutatorImpl mutator(scene.state);
                Block(mutator);
                mutator.Detach();
              },
              [&] {
                interleave::Ready();
                scene.Quiesce();
                scene.Quiesce();
              }},
             Start::kWhenReady);
  });
}

// From handshake 2 on a mutator is scanned and allocates black, also one that attaches later.
TEST(HandshakeTest, AllAreScannedAfterwards) {
  ExpectHolds("handshake, scans", {.preemptions = 2}, [] {
    Scene scene;
    Together({[&] {
                MutatorImpl mutator(scene.state);
                AnswerIfAsked(mutator);
                mutator.Detach();
              },
              [&] {
                RunHandshake(scene.state, Handshake::kBarrierOn);
                RunHandshake(scene.state, Handshake::kScanStack);
                MutexLock lock(scene.state.mutators_mutex);
                for (const auto& [id, mutator] : scene.state.mutators) {
                  Require(mutator->scanned && mutator->black, "a mutator has not been scanned");
                }
              }});
  });
}

// What a mutator has shaded before a round is asked has been handed over after it, and was told.
TEST(HandshakeTest, ARoundTakesWhatWasShadedBefore) {
  ExpectHolds("handshake, round", {.preemptions = 2}, [] {
    Scene scene;
    std::size_t shaded = 0;
    Together({[&] {
                MutatorImpl mutator(scene.state);
                interleave::Ready();
                for (int i = 0; i < 2; i++) {
                  mutator.Push(&scene);
                  shaded++;
                  Block(mutator);
                }
                mutator.Detach();
              },
              [&] {
                interleave::Ready();
                const std::size_t before = shaded;
                RunHandshake(scene.state, Handshake::kRound);
                std::size_t taken = 0;
                while (const Worklist::Work work = scene.state.worklist.TryTake()) {
                  taken += work.segment->size;
                }
                Require(taken >= before, "a grey object was not handed over");
                Require(before == 0 || scene.state.round_dirty, "a round was not said to be dirty");
              }},
             Start::kWhenReady);
    std::size_t left = 0;
    while (const Worklist::Work work = scene.state.worklist.TryTake()) left += work.segment->size;
    Require(left <= shaded, "a grey object was handed over twice");
  });
}

TEST(HandshakeTest, NobodyRunsWhileHeld) {
  ExpectHolds("handshake, hold", {.preemptions = 2}, [] {
    Scene scene;
    Together({[&] {
                MutatorImpl mutator(scene.state);
                interleave::Ready();
                scene.Work(0);
                Block(mutator);
                scene.Work(0);
                AnswerIfAsked(mutator);
                scene.Work(0);
                mutator.Detach();
              },
              [&] {
                interleave::Ready();
                scene.Hold();
              }},
             Start::kWhenReady);
  });
}

TEST(HandshakeTest, TwoAreHeld) {
  ExpectHolds("handshake, hold two", {.preemptions = 1, .random_schedules = 2000}, [] {
    Scene scene;
    const auto work_as = [&](int number) {
      MutatorImpl mutator(scene.state);
      interleave::Ready();
      Block(mutator);
      scene.Work(number);
      AnswerIfAsked(mutator);
      scene.Work(number);
      mutator.Detach();
    };
    Together({[&] { work_as(0); }, [&] { work_as(1); },
              [&] {
                interleave::Ready();
                scene.Hold();
                RunHandshake(scene.state, Handshake::kBarrierOn);
                scene.Hold();
              }},
             Start::kWhenReady);
  });
}

// Fork's side: either the mutator is kept inside its BlockingRegion, or nobody is.
TEST(HandshakeTest, KeptBlocked) {
  ExpectHolds("handshake, kept blocked", {.preemptions = 3}, [] {
    Scene scene;
    bool kept = false;
    Together({[&] {
                MutatorImpl mutator(scene.state);
                interleave::Ready();
                for (const bool in_region : {true, false}) {
                  mutator.in_region = in_region;
                  Block(mutator);
                  Require(!kept, "has left though it was kept");
                }
                mutator.Detach();
              },
              [&] {
                interleave::Ready();
                std::atomic<int> point{0};
                MutexLock lock(scene.state.mutators_mutex);
                if (!KeepBlocked(scene.state, nullptr)) return;
                for (const auto& [id, mutator] : scene.state.mutators) {
                  Require(mutator->in_region, "kept though it waits within the library");
                }
                kept = true;
                point.load();
                kept = false;
                LetGo(scene.state);
              }},
             Start::kWhenReady);
  });
}

}  // namespace
}  // namespace elegy::internal
