// The phase word: weak reads against the flip, through a whole cycle of the real collector. A
// target that was read is alive; once one thread has read null, all do, from every view.

#include <gtest/gtest.h>

#include "tests/interleave/whole_heap.h"

namespace elegy::interleave {
namespace {

using Step = ::elegy::testing::CycleStep;

struct Parent {
  Member<Thing> child;
};

// Two views of an object that nothing else refers to, with a child.
class WeakScene : public WholeHeap {
 public:
  WeakScene() {
    Mutator mutator(heap);
    Persistent<Thing> child = Make<Thing>(destroyed);
    views[0] = Make<Parent>(child);
    views[1] = views[0].Get();
  }

  // Reads one view, keeps what it gets, and looks at it through both after the next safepoint.
  void ReadAndKeep(Mutator& mutator, int view) {
    const bool was_gone = gone_;
    Persistent<Parent> kept = views[view].Get();
    if (kept == nullptr) {
      gone_ = true;
      return;
    }
    Require(!was_gone, "a target was read after another view of it had read null");
    mutator.Safepoint();
    Require(kept->child->IsIntact(), "a target was read, and its child is dead");
    Require(views[1 - view].Get() == kept, "a view of an object that is alive reads null");
  }

  void RequireThatItDiesOnce() {
    heap.Collect();
    Mutator mutator(heap);
    Require(views[0].Get() == nullptr, "a target does not die");
    Require(destroyed == 1, "a target's child was not destroyed exactly once");
  }

  WeakPersistent<Parent> views[2];
  int destroyed = 0;

 private:
  bool gone_ = false;
};

// `alone`: when this thread has looked, nothing is left that the schedule could change.
void ReadOnce(WeakScene& scene, int view, int safepoints_before, bool alone = false) {
  Mutator mutator(scene.heap);
  ReadyInRegion(mutator);
  for (int i = 0; i < safepoints_before; i++) mutator.Safepoint();
  scene.ReadAndKeep(mutator, view);
  if (alone) SetExploring(false);
}

// The marker is about to find that nothing is left.
TEST(WeakReadTest, OneReaderAroundTheFlip) {
  ExpectHolds("weak read, around the flip", {.preemptions = 2, .random_schedules = 1000}, [] {
    WeakScene scene;
    Together({[&] { ReadOnce(scene, 0, 1, /*alone=*/true); },
              [&] { scene.CollectFrom(Step::kStacksScanned); }},
             Start::kWhenReady);
    scene.RequireThatItDiesOnce();
  });
}

TEST(WeakReadTest, OneReaderAroundTheClearing) {
  ExpectHolds("weak read, around the clearing", {.preemptions = 1, .random_schedules = 500}, [] {
    WeakScene scene;
    Together(
        {[&] { ReadOnce(scene, 0, 0, /*alone=*/true); }, [&] { scene.CollectFrom(Step::kMarked); }},
        Start::kWhenReady);
    scene.RequireThatItDiesOnce();
  });
}

TEST(WeakReadTest, TwoReaders) {
  ExpectHolds("weak reads, two readers", {.preemptions = 1, .random_schedules = 1000}, [] {
    WeakScene scene;
    Together({[&] { ReadOnce(scene, 0, 0); }, [&] { ReadOnce(scene, 1, 1); },
              [&] { scene.CollectFrom(Step::kStacksScanned); }},
             Start::kWhenReady);
    scene.RequireThatItDiesOnce();
  });
}

TEST(WeakReadTest, OneReaderBesideAWholeCycle) {
  ExpectHolds("weak reads, a whole cycle", {.preemptions = 0, .random_schedules = 1000}, [] {
    WeakScene scene;
    Together({[&] {
                Mutator mutator(scene.heap);
                Ready();
                scene.ReadAndKeep(mutator, 0);
                scene.ReadAndKeep(mutator, 1);
              },
              [&] { scene.CollectWhenReady(); }},
             Start::kWhenReady);
    scene.RequireThatItDiesOnce();
  });
}

}  // namespace
}  // namespace elegy::interleave
