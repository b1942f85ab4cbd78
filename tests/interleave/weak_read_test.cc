// The phase word: weak reads against the flip, through a whole cycle of the real collector. A
// target that was read is alive; once one thread has read null, all do, from every view.

#include <gtest/gtest.h>

#include "tests/interleave/whole_heap.h"

namespace elegy::interleave {
namespace {

class WeakScene : public WholeHeap {
 public:
  WeakScene() {
    Mutator mutator(heap);
    Thing* const thing = Make<Thing>(destroyed);
    views[0] = thing;
    views[1] = thing;
  }

  // Reads the view, keeps what it gets, and looks at it after the next safepoint.
  void ReadAndKeep(Mutator& mutator, int view) {
    const bool was_gone = gone_;
    Persistent<Thing> kept = views[view].Get();
    if (kept == nullptr) {
      gone_ = true;
      return;
    }
    Require(!was_gone, "a target was read after another view of it had read null");
    mutator.Safepoint();
    Require(kept->IsIntact(), "a target that was read is dead");
  }

  void RequireThatItDiesOnce() {
    heap.Collect();
    Mutator mutator(heap);
    Require(views[0].Get() == nullptr, "a target does not die");
    Require(destroyed == 1, "a target was not destroyed exactly once");
  }

  WeakPersistent<Thing> views[2];
  int destroyed = 0;

 private:
  bool gone_ = false;
};

TEST(WeakReadTest, OneReader) {
  ExpectHolds("weak reads, one reader", {.preemptions = 1, .random_schedules = 1000}, [] {
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

TEST(WeakReadTest, TwoReaders) {
  ExpectHolds("weak reads, two readers", {.preemptions = 0, .random_schedules = 2000}, [] {
    WeakScene scene;
    const auto read = [&](int view) {
      Mutator mutator(scene.heap);
      Ready();
      scene.ReadAndKeep(mutator, view);
      scene.ReadAndKeep(mutator, 1 - view);
    };
    Together({[&] { read(0); }, [&] { read(1); }, [&] { scene.CollectWhenReady(); }},
             Start::kWhenReady);
    scene.RequireThatItDiesOnce();
  });
}

}  // namespace
}  // namespace elegy::interleave
