// A graph of managed objects and weak collections beside its reference: both are changed by the
// same random acts, and compared. What lives in the end by the rules must be alive; what a program
// could not get to since the cycle began must be dead; what lies in between may be either, but all
// views must tell the same.

#ifndef ELEGY_TESTS_SUPPORT_WEAK_GRAPH_H_
#define ELEGY_TESTS_SUPPORT_WEAK_GRAPH_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/stress.h"
#include "tests/support/weak_graph_model.h"

namespace elegy::test {

class WeakGraph {
 public:
  using Model = WeakGraphModel;

  // Thrown where graph and model differ.
  struct Mismatch : std::runtime_error {
    using std::runtime_error::runtime_error;
  };

  // The mutator is this thread's, only handles are roots, and nobody else starts cycles.
  WeakGraph(Heap& heap, Mutator& mutator, Random random, const Model::Rules& rules = {});
  WeakGraph(const WeakGraph&) = delete;
  WeakGraph& operator=(const WeakGraph&) = delete;
  ~WeakGraph() { *self_ = nullptr; }

  void Act(std::size_t acts);
  // 0: none.
  void KeepOneHandleIn(std::size_t n);
  // A cycle with so many changes at most at each of its steps, some of which are left out.
  void RunCycle(std::size_t acts_per_step);
  // One without changes.
  void Collect();
  // Drops all handles: everything dies.
  void EndEverything();

 private:
  static constexpr std::size_t kMaxThings = 60;
  using Deaths = std::array<std::atomic<int>, kMaxThings>;

  class Thing;
  using Slot = Member<Thing>;
  using PlainMap = WeakMap<Thing, Slot>;
  using WalkedMap = IterableWeakMap<Thing, Slot>;
  struct Held {
    int record;
    Slot thing;
  };
  using Registry = FinalizationRegistry<Held>;

  class Thing {
   public:
    Thing(int number, std::shared_ptr<Deaths> deaths)
        : canary_(static_cast<std::uint64_t>(number) + 1), deaths_(std::move(deaths)) {}
    ~Thing() {
      (*deaths_)[static_cast<std::size_t>(number())]++;
      canary_.Kill();
    }
    void Trace(Visitor& visitor) const {
      for (const Slot& slot : slots) visitor.Trace(slot);
      visitor.Trace(weak);
      visitor.Trace(ref);
      visitor.Trace(plain);
      visitor.Trace(walked);
      visitor.Trace(set);
      visitor.Trace(registry);
    }
    // -1: not a thing any more.
    int number() const { return static_cast<int>(canary_.id()) - 1; }

    std::array<Slot, 2> slots;
    WeakMember<Thing> weak;
    Member<WeakRef<Thing>> ref;
    Member<PlainMap> plain;
    Member<WalkedMap> walked;
    Member<WeakSet<Thing>> set;
    Member<Registry> registry;

   private:
    Canary canary_;
    std::shared_ptr<Deaths> deaths_;
  };

  // ---- cycles ----

  void BeginCycle();
  void PassStep(testing::CycleStep step);
  void EndCycle();
  // What the marker may have come to so far.
  void Note();
  void Touch(int thing);
  void FindDead();

  // ---- getting at things ----

  // By strong slots and entries, from a handle.
  Thing* Go(int number);
  // Some thing that the program can get at, or kNone.
  int Pick();
  // What the model says of a key of a thing's map; null: no entry.
  Model::Entry* FindEntry(int from, std::size_t map, int key);

  // ---- acts ----

  void ActOnce();
  void NewThing(std::size_t root);
  void SetRoot(std::size_t root, int number, Thing* thing);
  void SetSlot(int from, std::size_t which, int to);
  // From where it is reached to a new thing, which is born black while a cycle marks.
  void Move(int number);
  void NewRef(int from, int to);
  void SetEntry(int from, std::size_t map, int key, int value);
  void DeleteEntry(int from, std::size_t map, int key);
  void AddToSet(int from, int key);
  void DeleteFromSet(int from, int key);
  // May hand to the marker also what belongs to keys that are dying.
  void Clear(int from);
  // Brings back all keys.
  void Walk(int from);
  void Register(int owner, int target, int token);
  void Unregister(int owner, int token);
  void ReadWeak(int from);
  void ReadRef(int from);
  // What a weak read has led to may get a handle.
  void TakeUp(int number, Thing* thing);
  void EndTurn();
  void Drain(std::size_t limit);
  // A callback. The held value may be taken up.
  void Deliver(const Held& held);

  // ---- views ----

  // All views that the program can get at, with none kept.
  void Compare();
  void CompareThing(int number);
  void CompareKey(int number, int key);

  Heap& heap_;
  Mutator& mutator_;
  Random random_;
  Model model_;
  Model::Life upper_;     // what may be alive after the flip, while marking
  bool marking_ = false;  // a cycle has begun, and the dead have not been found yet
  bool ending_ = false;   // nothing is taken up any more
  std::vector<Model::Way> ways_;
  std::vector<Persistent<Thing>> roots_;
  std::vector<WeakPersistent<Thing>> things_;
  std::vector<WeakPersistent<Registry>> registries_;
  int records_ = 0;
  std::size_t delivered_ = 0;
  const std::shared_ptr<Deaths> deaths_ = std::make_shared<Deaths>();
  // For callbacks, which may outlive the graph.
  const std::shared_ptr<WeakGraph*> self_ = std::make_shared<WeakGraph*>(this);
};

}  // namespace elegy::test

#endif  // ELEGY_TESTS_SUPPORT_WEAK_GRAPH_H_
