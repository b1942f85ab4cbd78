// A weak read that has seen a cycle's phase before its end goes by what that cycle has condemned,
// however late it looks.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "elegy/elegy.h"
#include "tests/support/actor.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/held_point.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

using internal::ChaosPointOf;

TEST(WindowCondemnedTest, AReadThatOutlastsTheClearingAnswersNull) {
  Heap heap(TestOptions());
  Census census;
  Actor actor(heap);
  Persistent<Counted> target;
  Persistent<WeakRef<Counted>> ref;
  Persistent<FinalizationRegistry<int>> registry;
  std::atomic<int> delivered{0};
  actor.Do([&] {
    target = Make<Counted>(1, census);
    ref = Make<WeakRef<Counted>>(target);
    registry = Make<FinalizationRegistry<int>>([&](int) { delivered++; });
    ASSERT_TRUE(registry->Register(target, 1).ok());
  });
  actor.Do([] {});

  HeldPoint flipped(ChaosPointOf("flipped"));
  std::thread shutter([&] {
    const Mutator mutator(heap);
    heap.Shutdown(ShutdownPolicy::kDeliverAll);
  });
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

}  // namespace
}  // namespace elegy::test
