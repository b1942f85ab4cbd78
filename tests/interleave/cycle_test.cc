// Whole cycles of the real collector beside threads that move the last strong pointer to an object:
// it stays alive, wherever the collector is. And a registry's record, which is delivered or
// cancelled, once.

#include <gtest/gtest.h>

#include <vector>

#include "tests/interleave/whole_heap.h"

namespace elegy::interleave {
namespace {

struct Holder {
  Member<Thing> thing;
};

class Scene : public WholeHeap {
 public:
  // A thing that `holder` alone refers to.
  Scene() {
    Mutator mutator(heap);
    holder = Make<Holder>(nullptr);
    holder->thing = Make<Thing>(destroyed);
  }

  void RequireAlive(const Thing* thing) {
    Require(thing != nullptr && thing->IsIntact() && destroyed == 0, "a reachable object has died");
  }

  int destroyed = 0;
  Persistent<Holder> holder;
};

TEST(CycleTest, AMutatorMovesAPointerFromASlotToAHandle) {
  ExpectHolds("cycle, slot to handle", {.preemptions = 1, .random_schedules = 1000}, [] {
    Scene scene;
    Persistent<Thing> kept;
    Together({[&] {
                Mutator mutator(scene.heap);
                ReadyInRegion(mutator);
                kept = scene.holder->thing.get();
                scene.holder->thing = nullptr;
                mutator.Safepoint();
                scene.RequireAlive(kept.get());
              },
              [&] { scene.CollectFrom(elegy::testing::CycleStep::kStacksScanned); }},
             Start::kWhenReady);
    scene.RequireAlive(kept.get());
  });
}

// It passes the pointer on from slot to slot, the collector sees either the one or the other.
TEST(CycleTest, AMutatorMovesAPointerFromSlotToSlot) {
  ExpectHolds("cycle, slot to slot", {.preemptions = 1, .random_schedules = 1000}, [] {
    Scene scene;
    Persistent<Holder> other;
    Together({[&] {
                Mutator mutator(scene.heap);
                other = Make<Holder>(nullptr);
                ReadyInRegion(mutator);
                other->thing = scene.holder->thing;
                scene.holder->thing = nullptr;
                mutator.Safepoint();
                scene.holder->thing = other->thing;
                other->thing = nullptr;
              },
              [&] { scene.CollectFrom(elegy::testing::CycleStep::kStacksScanned); }},
             Start::kWhenReady);
    scene.RequireAlive(scene.holder->thing.get());
  });
}

// The collector reads handles a chunk at a time: it may have passed the one before the pointer
// comes there, and come to the other when it has left.
TEST(CycleTest, AnUnattachedThreadMovesAPointerFromHandleToHandle) {
  ExpectHolds("cycle, handle to handle", {.preemptions = 1, .random_schedules = 500}, [] {
    Scene scene;
    Persistent<Thing> to;
    std::vector<Persistent<Holder>> between;
    Persistent<Thing> from;
    {
      Mutator mutator(scene.heap);
      Persistent<Holder> place_of_to = scene.holder;
      while (between.size() + 2 < internal::RootTable::kChunkNodes) {
        between.emplace_back(scene.holder.get());
      }
      scene.IgnoreFreeHandles(/*strong=*/true);
      from = scene.holder->thing.get();
      scene.holder->thing = nullptr;
    }
    Together({[&] {
                Ready();
                to = from.get();
                from = nullptr;
                SetExploring(false);
              },
              [&] { scene.CollectFrom(elegy::testing::CycleStep::kStacksScanned); }},
             Start::kWhenReady);
    scene.RequireAlive(to.get());
  });
}

TEST(CycleTest, ARecordIsDeliveredOrCancelledOnce) {
  ExpectHolds("cycle, record", {.preemptions = 0, .random_schedules = 1500}, [] {
    WholeHeap world;
    int destroyed = 0;
    int ran = 0;
    int cancelled = 0;
    WeakPersistent<Thing> view;
    Persistent<Thing> token;
    Persistent<FinalizationRegistry<int>> registry;
    {
      Mutator mutator(world.heap);
      registry = Make<FinalizationRegistry<int>>(
          [&](int) {
            Require(view.Get() == nullptr, "a callback runs, but its target is still to be read");
            ran++;
          },
          RegistryOptions{.run_on = RegistryOptions::RunOn::kAnyMutator, .on_ready = nullptr});
      token = Make<Thing>(destroyed);
      view = Make<Thing>(destroyed);
      Require(registry->Register(view.Get(), 7, token).ok(), "no record");
    }
    Together({[&] {
                Mutator mutator(world.heap);
                Ready();
                mutator.Safepoint();
                if (*registry->Unregister(token.get())) cancelled++;
              },
              [&] {
                Mutator mutator(world.heap);
                Ready();
                mutator.Safepoint();
                registry->CleanupSome();
              },
              [&] { world.CollectWhenReady(); }},
             Start::kWhenReady);
    world.heap.Collect();
    Mutator mutator(world.heap);
    registry->CleanupSome();
    Require(ran + cancelled == 1, "a record was not delivered or cancelled exactly once");
    registry = nullptr;
  });
}

}  // namespace
}  // namespace elegy::interleave
