// A graph of managed objects and weak collections beside its reference: both are changed by the
// same chosen acts, and compared. What lives in the end by the rules must be alive; what a program
// could not get to since the cycle began must be dead; what lies in between may be either, but all
// views must tell the same.

#ifndef ELEGY_TESTS_SUPPORT_WEAK_GRAPH_H_
#define ELEGY_TESTS_SUPPORT_WEAK_GRAPH_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/actor.h"
#include "tests/support/choices.h"
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

  // Empty. This thread is a mutator of the heap, only handles are roots, and nobody else starts
  // cycles. The choices must outlive this.
  WeakGraph(Heap& heap, Choices& choices, const Model::Rules& rules = {});
  WeakGraph(const WeakGraph&) = delete;
  WeakGraph& operator=(const WeakGraph&) = delete;
  ~WeakGraph() { *self_ = nullptr; }

  // From now on some acts are a second mutator's, which is blocked while this thread works.
  void AddPartner();
  // Many things, with handles to some.
  void Grow();
  void Act(std::size_t acts);
  // 0: none.
  void KeepOneHandleIn(std::size_t n);
  // A cycle with so many changes at most at each of its steps, some of which are left out.
  void RunCycle(std::size_t acts_per_step);
  // One without changes.
  void Collect();
  // Drops all handles: everything dies.
  void EndEverything();
  // Holds the registrations' counters of a heap that has had no other graph against the reference.
  // A cycle has ended, and since then nothing has been done.
  void CompareCounts();

 private:
  static constexpr std::size_t kMaxThings = 60;
  static constexpr std::size_t kCacheKeys = 3;
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
      visitor.Trace(cache);
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
    Member<WeakCache<std::size_t, Thing>> cache;
    Member<Registry> registry;

   private:
    Canary canary_;
    std::shared_ptr<Deaths> deaths_;
  };

  static void Expect(bool holds, const char* what, std::size_t thing);
  static void Expect(bool holds, const char* what, int thing);

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

  // By the mutator whose turn it is, unless it says more.
  void ActOnce();
  void OnPartner(const std::function<void()>& act);
  // Another one takes the partner's place.
  void ReplacePartner();
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
  void CacheOne(int from, std::size_t key, int thing);
  void ReadCache(int from, std::size_t key);
  void Register(int owner, int target, int token);
  void Unregister(int owner, int token);
  // Cancels or runs one of the owner's tracked records.
  void Settle(int owner);
  void CleanUp(int owner, std::size_t limit);
  void ReadWeak(int from);
  void ReadRef(int from);
  // What a weak read has led to may get a handle.
  void TakeUp(int number, Thing* thing);
  void EndTurn();
  void EndTurns();
  void Drain(std::size_t limit);
  // A callback. The held value may be taken up.
  void Deliver(const Held& held);
  void Forget(Model::Thing& owner, int record);

  // ---- views ----

  // All views that the program can get at, with none kept.
  void Compare();
  void CompareThing(int number);
  void CompareKey(int number, int key);

  Heap& heap_;
  Choices& choices_;
  Model model_;
  std::optional<Actor> partner_;
  std::size_t here_ = 0;  // whose turn it is: this thread's, or the partner's
  Model::Life upper_;     // what may be alive after the flip, while marking
  bool marking_ = false;  // a cycle has begun, and the dead have not been found yet
  bool ending_ = false;   // nothing is taken up any more
  std::vector<Model::Way> ways_;
  std::vector<Persistent<Thing>> roots_;
  std::vector<WeakPersistent<Thing>> things_;
  std::vector<WeakPersistent<Registry>> registries_;
  int records_ = 0;
  std::map<int, Registration> registrations_;
  std::optional<int> running_now_;  // a record, by RunNow
  std::size_t delivered_ = 0;
  const std::shared_ptr<Deaths> deaths_ = std::make_shared<Deaths>();
  // For callbacks, which may outlive the graph.
  const std::shared_ptr<WeakGraph*> self_ = std::make_shared<WeakGraph*>(this);
};

}  // namespace elegy::test

#endif  // ELEGY_TESTS_SUPPORT_WEAK_GRAPH_H_
