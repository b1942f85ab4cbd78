// Who has seen the phase of a cycle that condemns something, and is late: a weak read goes by what
// that cycle has condemned; a weak handle that is written stays empty once the others are.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>

#include "elegy/elegy.h"
#include "tests/support/actor.h"
#include "tests/support/held_point.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using internal::ChaosPointOf;

class WindowCondemnedTest : public ::testing::Test {
 protected:
  WindowCondemnedTest() {
    actor.Do([&] {
      target = Make<Counted>(1, census);
      other = Make<Counted>(2, census);
      ref = Make<WeakRef<Counted>>(target);
      registry = Make<FinalizationRegistry<int>>([&](int) { delivered++; });
      ASSERT_TRUE(registry->Register(target, 1).ok());
    });
    actor.Do([] {});
  }

  // Another thread shuts down.
  std::thread ShutDown() {
    return std::thread([&] {
      const Mutator mutator(heap);
      heap.Shutdown(ShutdownPolicy::kDeliverAll);
    });
  }

  // A handle is written by `write`, which is held before it stores, from before the flip until the
  // collector is at `point`, after the handles have been cleared.
  void ExpectEmptyIfWrittenBesideTheFlip(WeakPersistent<Counted>& handle, std::uint64_t point,
                                         const std::function<void()>& write) {
    HeldPoint flip(ChaosPointOf("about to flip"));
    std::thread shutter = ShutDown();
    flip.Await();
    HeldPoint written(ChaosPointOf("weak handle to be written"));
    actor.Start(write);
    written.Await();
    HeldPoint cleared(point);
    flip.Release();
    cleared.Await();
    written.Release();
    actor.Await();
    cleared.Release();
    shutter.join();
    EXPECT_EQ(delivered, 1);
    actor.Do([&] {
      EXPECT_TRUE(ref->IsCleared());
      EXPECT_EQ(handle.Get(), nullptr);
    });
  }

  Census census;
  Heap heap;  // not verified: the verifier would wait for a mutator that is held
  Persistent<Counted> target;
  Persistent<Counted> other;
  Persistent<WeakRef<Counted>> ref;
  Persistent<FinalizationRegistry<int>> registry;
  std::atomic<int> delivered{0};
  Actor actor{heap};
};

TEST_F(WindowCondemnedTest, AReadThatOutlastsTheClearingAnswersNull) {
  HeldPoint flipped(ChaosPointOf("flipped"));
  std::thread shutter = ShutDown();
  flipped.Await();
  HeldPoint reading(ChaosPointOf("mark read"));
  const Counted* read = nullptr;
  actor.Start([&] { read = ref->Deref(); });
  reading.Await();
  HeldPoint cleared(ChaosPointOf("reads not ended"));
  flipped.Release();
  cleared.Await();
  reading.Release();
  actor.Await();
  EXPECT_EQ(read, nullptr);
  cleared.Release();
  shutter.join();
  EXPECT_EQ(delivered, 1);
}

TEST_F(WindowCondemnedTest, AHandleThatIsMadeBesideTheFlipIsEmpty) {
  WeakPersistent<Counted> handle;
  ExpectEmptyIfWrittenBesideTheFlip(handle, ChaosPointOf("handles cleared"),
                                    [&] { handle = target.get(); });
}

TEST_F(WindowCondemnedTest, AHandleThatIsWrittenBesideTheFlipIsEmpty) {
  WeakPersistent<Counted> handle;
  actor.Do([&] { handle = other.get(); });
  ExpectEmptyIfWrittenBesideTheFlip(handle, ChaosPointOf("handles cleared"),
                                    [&] { handle = target.get(); });
}

// A thread that answers no handshake of the heap writes a handle between the flip and the end.
TEST_F(WindowCondemnedTest, AHandleThatAnotherThreadWritesAfterTheFlipIsEmpty) {
  WeakPersistent<Counted> made;
  WeakPersistent<Counted> written;
  actor.Do([&] { written = other.get(); });
  HeldPoint cleared(ChaosPointOf("handles cleared"));
  std::thread shutter = ShutDown();
  cleared.Await();
  written = target.get();
  std::thread([&] {
    Heap other_heap;
    const Mutator mutator(other_heap);
    made = target.get();
  }).join();
  cleared.Release();
  shutter.join();
  actor.Do([&] {
    EXPECT_EQ(made.Get(), nullptr);
    EXPECT_EQ(written.Get(), nullptr);
  });
}

// A target that is marked is returned whether or not the flip has come. What was read then says
// nothing of what the handle holds later.
TEST_F(WindowCondemnedTest, AHandleIsEmptyThoughAReadOfItOutlastsTheFlip) {
  WeakPersistent<Counted> handle;
  actor.Do([&] { handle = target.get(); });
  HeldPoint flip(ChaosPointOf("about to flip"));
  std::thread shutter = ShutDown();
  flip.Await();
  HeldPoint read(ChaosPointOf("node read, number not written"));
  actor.Start([&] { EXPECT_EQ(handle.Get(), target.get()); });
  read.Await();
  HeldPoint numbered(ChaosPointOf("idle numbered, phase closed"));
  flip.Release();
  numbered.Await();
  read.Release();
  actor.Await();
  numbered.Release();
  shutter.join();
  actor.Do([&] { EXPECT_EQ(handle.Get(), nullptr); });
}

TEST_F(WindowCondemnedTest, AHandleThatIsReadAndWrittenAtTheEndIsEmpty) {
  WeakPersistent<Counted> handle;
  actor.Do([&] { handle = other.get(); });
  HeldPoint numbered(ChaosPointOf("idle numbered, phase closed"));
  std::thread shutter = ShutDown();
  numbered.Await();
  actor.Do([&] {
    EXPECT_EQ(handle.Get(), other.get());
    handle = target.get();
  });
  numbered.Release();
  shutter.join();
  actor.Do([&] { EXPECT_EQ(handle.Get(), nullptr); });
}

// Such a thread has seen the phase after the flip, and asks what is condemned when the cycle ends.
TEST_F(WindowCondemnedTest, AHandleThatAnotherThreadWritesAtTheEndIsEmpty) {
  WeakPersistent<Counted> written;
  actor.Do([&] { written = other.get(); });
  HeldPoint cleared(ChaosPointOf("handles cleared"));
  std::thread shutter = ShutDown();
  cleared.Await();
  HeldPoint asking(ChaosPointOf("closed, condemned not asked"));
  std::thread writer([&] { written = target.get(); });
  asking.Await();
  cleared.Release();
  // Long enough for a collector that does not wait for it.
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  asking.Release();
  writer.join();
  shutter.join();
  actor.Do([&] { EXPECT_EQ(written.Get(), nullptr); });
}

}  // namespace
}  // namespace elegy::test
