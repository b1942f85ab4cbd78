// Threads and heaps that are not as they must be: each ends the program with a message that says
// what is wrong.

#include <gtest/gtest.h>
#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

struct Node {
  std::int64_t value = 0;
  Member<Node> next;
};

constexpr char kNotAttached[] = "elegy: this thread is not attached to a heap";

class AttachmentDeathTest : public HeapTest {
 protected:
  AttachmentDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(AttachmentDeathTest, MakingObjectsNeedsAMutator) {
  Detach();
  EXPECT_DEATH(Make<Node>(), kNotAttached);
  EXPECT_DEATH(MakeArray<Member<Node>>(3), kNotAttached);
  EXPECT_DEATH(Make<WeakRef<Node>>(nullptr), kNotAttached);
  EXPECT_DEATH((Make<WeakMap<Node, int>>()), kNotAttached);
  EXPECT_DEATH(Make<FinalizationRegistry<int>>([](int) {}), kNotAttached);
}

TEST_F(AttachmentDeathTest, CurrentNeedsAMutator) {
  Detach();
  EXPECT_DEATH(Mutator::Current(), kNotAttached);
}

TEST_F(AttachmentDeathTest, AnotherThreadsMutatorDoesNotCount) {
  EXPECT_DEATH(std::thread([] { Make<Node>(); }).join(), kNotAttached);
}

TEST_F(AttachmentDeathTest, WeakReadsNeedAMutator) {
  const Persistent<Node> node = Make<Node>();
  const Persistent<WeakRef<Node>> reference = Make<WeakRef<Node>>(node.get());
  const WeakPersistent<Node> weak = node.get();
  EXPECT_EQ(weak.Get(), node);
  Detach();
  EXPECT_DEATH(reference->Deref(), kNotAttached);
  EXPECT_DEATH(reference->IsCleared(), kNotAttached);
  EXPECT_DEATH(reference->RefersTo(nullptr), kNotAttached);
  EXPECT_DEATH(weak.Get(), "not attached");
  EXPECT_DEATH(static_cast<void>(WeakPersistent<Node>(weak)), "not attached");
}

TEST_F(AttachmentDeathTest, WeakCollectionsNeedAMutator) {
  const Persistent<Node> node = Make<Node>();
  const auto map = Persistent(Make<WeakMap<Node, int>>());
  const auto set = Persistent(Make<WeakSet<Node>>());
  const auto ordered = Persistent(Make<IterableWeakMap<Node, int>>());
  const auto cache = Persistent(Make<WeakCache<int, Node>>());
  ASSERT_TRUE(map->Set(node, 1).ok());
  ASSERT_TRUE(set->Add(node).ok());
  ASSERT_TRUE(ordered->Set(node, 1).ok());
  Detach();
  EXPECT_DEATH(map->Set(node, 1).IgnoreError(), kNotAttached);
  EXPECT_DEATH(map->Get(node), kNotAttached);
  EXPECT_DEATH(map->Delete(node), kNotAttached);
  EXPECT_DEATH(map->Has(node), kNotAttached);
  EXPECT_DEATH(set->Has(node), kNotAttached);
  EXPECT_DEATH(ordered->Has(node), kNotAttached);
  EXPECT_DEATH(ordered->ForEach([](Node*, int) {}), kNotAttached);
  EXPECT_DEATH(ordered->size(), kNotAttached);
  EXPECT_DEATH(ordered->Clear(), kNotAttached);
  EXPECT_DEATH(cache->Get(1), kNotAttached);
  EXPECT_DEATH(cache->GetOrMake(1, [&](int) { return node.get(); }), kNotAttached);
  EXPECT_DEATH(cache->size(), kNotAttached);
}

TEST_F(AttachmentDeathTest, RegistriesNeedAMutator) {
  const Persistent<Node> node = Make<Node>();
  const auto registry = Persistent(Make<FinalizationRegistry<int>>([](int) {}));
  Registration registration = *registry->Track(node, 1);
  NoInline([&] { EXPECT_TRUE(registry->Register(Make<Node>(), 2).ok()); });
  heap().Collect(StackState::kNoPointers);
  ASSERT_EQ(heap().Stats().records_queued, 1u);
  Detach();
  EXPECT_DEATH(registry->Register(node, 1).IgnoreError(), kNotAttached);
  EXPECT_DEATH(registry->Unregister(node).IgnoreError(), kNotAttached);
  EXPECT_DEATH(registry->CleanupSome(), kNotAttached);
  EXPECT_DEATH(registration.RunNow(), kNotAttached);
}

TEST_F(AttachmentDeathTest, CleanupNeedsAMutatorAlsoWhereNothingIsQueued) {
  const auto registry = Persistent(Make<FinalizationRegistry<int>>([](int) {}));
  Detach();
  EXPECT_DEATH(registry->CleanupSome(), kNotAttached);
  EXPECT_DEATH(registry->CleanupSome(0), kNotAttached);
}

TEST_F(AttachmentDeathTest, ShutdownNeedsAMutator) {
  Detach();
  EXPECT_DEATH(heap().Shutdown(ShutdownPolicy::kDrop), kNotAttached);
  EXPECT_DEATH(heap().Shutdown(ShutdownPolicy::kDeliverAll), kNotAttached);
}

TEST_F(AttachmentDeathTest, ShutdownNeedsAMutatorOfItsOwnHeap) {
  Heap other(TestOptions());
  EXPECT_DEATH(other.Shutdown(ShutdownPolicy::kDrop),
               "elegy: Heap::Shutdown on a thread that is attached to another heap");
}

TEST_F(AttachmentDeathTest, AThreadHasOneMutatorAtATime) {
  EXPECT_DEATH(const Mutator second(heap()), "elegy: this thread is attached already");
  Heap other(TestOptions());
  EXPECT_DEATH(const Mutator second(other), "elegy: this thread is attached already");
}

TEST_F(AttachmentDeathTest, AMutatorEndsOnTheThreadThatMadeIt) {
  Detach();
  auto mutator = std::make_unique<Mutator>(heap());
  EXPECT_DEATH(std::thread([&] { mutator.reset(); }).join(),
               "elegy: an elegy::Mutator is destroyed on another thread");
}

TEST_F(AttachmentDeathTest, AMutatorIsUsedOnItsOwnThread) {
  const auto on_another = [this](auto use, bool is_attached) {
    std::thread([&] {
      std::optional<Mutator> own;
      if (is_attached) own.emplace(heap());
      use(mutator());
    }).join();
  };
  const auto make = [](Mutator& mutator) { mutator.Make<Node>(); };
  const auto make_array = [](Mutator& mutator) { mutator.MakeArray<Member<Node>>(3); };
  const auto end_turn = [](Mutator& mutator) { mutator.EndTurn(); };
  const auto turn = [](Mutator& mutator) { const TurnScope scope(mutator); };
  const auto drain = [](Mutator& mutator) { mutator.DrainFinalization(); };
  const auto block = [](Mutator& mutator) { const BlockingRegion region(mutator); };
  constexpr char kMessage[] = "elegy: an elegy::Mutator is used on another thread";
  EXPECT_DEATH(on_another(make, true), kMessage);
  EXPECT_DEATH(on_another(make_array, true), kMessage);
  EXPECT_DEATH(on_another(end_turn, true), kMessage);
  EXPECT_DEATH(on_another(turn, true), kMessage);
  EXPECT_DEATH(on_another(drain, true), kMessage);
  EXPECT_DEATH(on_another(block, true), kMessage);
  EXPECT_DEATH(on_another(make, false), kNotAttached);
  EXPECT_DEATH(on_another(make_array, false), kNotAttached);
  EXPECT_DEATH(on_another(end_turn, false), kNotAttached);
  EXPECT_DEATH(on_another(block, false), kNotAttached);
}

TEST_F(AttachmentDeathTest, NothingIsMadeInsideABlockingRegion) {
  const auto inside = [this](auto use) {
    const BlockingRegion region(mutator());
    use(mutator());
  };
  constexpr char kMessage[] = "elegy: .* inside an elegy::BlockingRegion";
  EXPECT_DEATH(inside([](Mutator& mutator) {
                 for (int i = 0; i < 100'000; i++) mutator.Make<Node>();
               }),
               kMessage);
  EXPECT_DEATH(inside([](Mutator& mutator) { mutator.MakeArray<char>(1 << 20); }), kMessage);
  EXPECT_DEATH(inside([](Mutator& mutator) { mutator.EndTurn(); }), kMessage);
  EXPECT_DEATH(inside([](Mutator& mutator) { mutator.DrainFinalization(); }), kMessage);
  const Persistent<Node> node = Make<Node>();
  const WeakPersistent<Node> weak = node.get();
  EXPECT_EQ(weak.Get(), node);
  EXPECT_DEATH(inside([&](Mutator&) { weak.Get(); }), kMessage);
}

// A registration can be cancelled there; callbacks run nowhere but where they may use the heap.
TEST_F(AttachmentDeathTest, NoCallbackRunsInsideABlockingRegion) {
  constexpr char kMessage[] = "elegy: .* inside an elegy::BlockingRegion";
  const Persistent<Node> node = Make<Node>();
  const auto registry = Persistent(Make<FinalizationRegistry<int>>([](int) {}));
  Registration first = *registry->Track(node, 1);
  Registration second = *registry->Track(node, 2);
  const BlockingRegion region(mutator());
  EXPECT_DEATH(first.RunNow(), kMessage);
  EXPECT_DEATH(heap().Shutdown(ShutdownPolicy::kDrop), kMessage);
  EXPECT_TRUE(second.Cancel());
}

// Its frames would not be scanned.
ucontext_t g_thread_context, g_fiber_context;
Heap* g_fibers_heap = nullptr;

void CollectOnAFiber(Heap& heap) {
  g_fibers_heap = &heap;
  std::vector<char> stack(std::size_t{1} << 18);
  getcontext(&g_fiber_context);
  g_fiber_context.uc_stack.ss_sp = stack.data();
  g_fiber_context.uc_stack.ss_size = stack.size();
  g_fiber_context.uc_link = &g_thread_context;
  makecontext(
      &g_fiber_context, [] { g_fibers_heap->Collect(); }, 0);
  swapcontext(&g_thread_context, &g_fiber_context);
}

TEST_F(AttachmentDeathTest, AFibersStackIsNotScanned) {
  EXPECT_DEATH(CollectOnAFiber(heap()), "elegy: a safepoint on another stack");
}

TEST(FiberTest, MayCollectWhereNoStackIsScanned) {
  HeapOptions options = TestOptions();
  options.conservative_stacks = false;
  Heap heap(options);
  const Mutator mutator(heap);
  const std::uint64_t cycles = heap.Stats().cycles;
  CollectOnAFiber(heap);
  EXPECT_GT(heap.Stats().cycles, cycles);
}

TEST_F(AttachmentDeathTest, AMutatorDoesNotEndInsideItsBlockingRegion) {
  Detach();
  std::optional<Mutator> mutator(heap());
  const auto end = [&] {
    const BlockingRegion region(*mutator);
    mutator.reset();
  };
  EXPECT_DEATH(end(), "elegy: ");
}

TEST(HeapEndDeathTest, AHeapOutlivesItsMutators) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  constexpr char kMessage[] = "elegy: a Heap is destroyed while a Mutator is attached to it";
  auto heap = std::make_unique<Heap>(TestOptions());
  Mutator mutator(*heap);
  EXPECT_DEATH(heap.reset(), kMessage);
  const BlockingRegion region(mutator);
  EXPECT_DEATH(std::thread([&] { heap.reset(); }).join(), kMessage);
}

TEST_F(AttachmentDeathTest, AMutatorOutlivesItsCallbacksRegionsAndConstructors) {
  constexpr char kMessage[] = "elegy: an elegy::Mutator is destroyed inside";
  std::optional<Mutator> own;
  Detach();
  own.emplace(heap());
  const Persistent registry = Make<FinalizationRegistry<int>>([&own](int) { own.reset(); });
  NoInline([&] { EXPECT_TRUE(registry->Register(Make<Node>(), 1).ok()); });
  own->EndTurn(StackState::kNoPointers);
  heap().Collect(StackState::kNoPointers);
  EXPECT_DEATH(own->Safepoint(), kMessage);
  const auto in_region = [&own] {
    const BlockingRegion region(*own);
    own.reset();
  };
  EXPECT_DEATH(in_region(), kMessage);
}

TEST_F(AttachmentDeathTest, NothingRunsACallbackInARegion) {
  constexpr char kMessage[] = "elegy: a safepoint, an elegy::Make or a callback inside";
  const Persistent registry = Make<FinalizationRegistry<int>>([](int) {});
  NoInline([&] { EXPECT_TRUE(registry->Register(Make<Node>(), 1).ok()); });
  CollectPrecisely();
  const BlockingRegion region(mutator());
  EXPECT_DEATH(registry->CleanupSome(), kMessage);
}

TEST_F(AttachmentDeathTest, ARegionEndsOnItsOwnThread) {
  const auto die = [this] {
    auto region = std::make_unique<BlockingRegion>(mutator());
    std::thread([&region] { region.reset(); }).join();
  };
  EXPECT_DEATH(die(), kNotAttached);
}

TEST_F(AttachmentDeathTest, PrepareForkAndAfterForkGoTogether) {
  EXPECT_DEATH(heap().AfterFork(), "elegy: Heap::AfterFork without PrepareFork");
  ASSERT_TRUE(heap().PrepareFork().ok());
  EXPECT_DEATH(heap().PrepareFork().IgnoreError(), "elegy: Heap::PrepareFork without AfterFork");
  heap().AfterFork();
  EXPECT_DEATH(heap().AfterFork(), "elegy: Heap::AfterFork without PrepareFork");
}

}  // namespace
}  // namespace elegy::test
