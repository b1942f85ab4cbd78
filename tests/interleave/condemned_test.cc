// Shutdown(kDeliverAll) against weak views of what it condemns, which a mutator holds: once one
// view has answered null, none answers with the target, until it is written anew.

#include <gtest/gtest.h>

#include "tests/interleave/whole_heap.h"

namespace elegy::interleave {
namespace {

using Map = WeakMap<Thing, Member<Thing>>;

struct Holder {
  WeakMember<Thing> weak;
};

class CondemnedScene : public WholeHeap {
 public:
  CondemnedScene() {
    Mutator mutator(heap);
    target = Make<Thing>(destroyed);
    holder = Make<Holder>();
    map = Make<Map>();
    holder->weak = target.get();
    Require(map->Set(target, target.get()).ok(), "no entry");
    registry = Make<FinalizationRegistry<int>>([this](int) { delivered++; });
    Require(registry->Register(target, 1).ok(), "no registration");
  }

  bool CellIsEmpty() const { return holder->weak.Get() == nullptr; }
  bool EntryIsGone() const { return !map->Has(target); }
  bool HandleIsEmpty() const { return handle.Get() == nullptr; }

  void ShutDown() {
    Mutator mutator(heap);
    ReadyInRegion(mutator);
    heap.Shutdown(ShutdownPolicy::kDeliverAll);
    SetExploring(false);
  }

  Persistent<Thing> target;
  Persistent<Holder> holder;
  Persistent<Map> map;
  Persistent<FinalizationRegistry<int>> registry;
  WeakPersistent<Thing> handle;
  int destroyed = 0;
  int delivered = 0;
};

TEST(CondemnedTest, ViewsDieAtOnce) {
  ExpectHolds("condemned, views", {.preemptions = 0, .random_schedules = 1000}, [] {
    CondemnedScene scene;
    Together({[&] {
                Mutator mutator(scene.heap);
                ReadyInRegion(mutator);
                for (int i = 0; i < 3; i++) {
                  const bool cell = scene.CellIsEmpty();
                  const bool entry = scene.EntryIsGone();
                  Require(entry || !cell, "a key is found whose cell reads null");
                  Require(scene.CellIsEmpty() || !entry, "a cell is read whose key is not found");
                  mutator.Safepoint();
                }
              },
              [&] { scene.ShutDown(); }},
             Start::kWhenReady);
    Mutator mutator(scene.heap);
    Require(scene.CellIsEmpty() && scene.EntryIsGone(), "a view was not cleared");
    Require(scene.delivered == 1, "not delivered exactly once");
  });
}

TEST(CondemnedTest, WhatIsWrittenMeanwhileStaysOrDies) {
  ExpectHolds("condemned, writes", {.preemptions = 0, .random_schedules = 1000}, [] {
    CondemnedScene scene;
    Together({[&] {
                Mutator mutator(scene.heap);
                ReadyInRegion(mutator);
                scene.holder->weak = scene.target.get();
                Require(scene.map->Set(scene.target, scene.target.get()).ok(), "not set");
                scene.handle = scene.target.get();
                bool cell = false;
                bool entry = false;
                bool handle = false;
                for (int i = 0; i < 4; i++) {
                  Require(!cell || scene.CellIsEmpty(), "a cell reads its target after null");
                  Require(!entry || scene.EntryIsGone(), "a key is found again");
                  Require(!handle || scene.HandleIsEmpty(), "a handle reads its target after null");
                  cell = scene.CellIsEmpty();
                  entry = scene.EntryIsGone();
                  handle = scene.HandleIsEmpty();
                  mutator.Safepoint();
                }
              },
              [&] { scene.ShutDown(); }},
             Start::kWhenReady);
  });
}

}  // namespace
}  // namespace elegy::interleave
