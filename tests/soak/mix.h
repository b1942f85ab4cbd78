// What the soak's threads do to objects that they share, one act after the other: whatever there is
// to do to objects, mixed at random.

#ifndef ELEGY_TESTS_SOAK_MIX_H_
#define ELEGY_TESTS_SOAK_MIX_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "elegy/elegy.h"
#include "tests/support/stress.h"

namespace elegy::test {

// Thread-safe, but for its beginning and its end, which need an attached mutator as Act does.
class Mix {
 public:
  // Objects made and destroyed, and callbacks run, are added to the two figures.
  Mix(const Census& census, std::atomic<std::uint64_t>& callbacks);

  // One act. Ends the program, with a message, if a live object turns out to have been destroyed,
  // and throws std::bad_alloc if there is no memory.
  void Act(Random& random);

 private:
  struct Node {
    Node(std::uint64_t id, const Census& census) : counted(id, census) {}
    void Trace(Visitor& visitor) const {
      visitor.Trace(next);
      visitor.Trace(weak);
      visitor.Trace(reference);
    }

    Counted counted;
    Member<Node> next;
    WeakMember<Node> weak;
    Member<WeakRef<Node>> reference;
  };
  using Slots = Array<AtomicMember<Node>>;

  // Makes a node that refers to the other in some ways.
  Node* MakeNode(Node* other, Random& random);
  void ActOn(Node* node, AtomicMember<Node>& slot, Random& random);
  void ActSeldom(Node* node, Random& random);

  const Census& census_;
  Persistent<Slots> slots_;
  Persistent<IterableWeakMap<Node, Member<Node>>> map_;
  Persistent<WeakSet<Node>> set_;
  Persistent<WeakCache<std::size_t, Node>> cache_;
  Persistent<FinalizationRegistry<std::uint64_t>> registry_;
};

}  // namespace elegy::test

#endif  // ELEGY_TESTS_SOAK_MIX_H_
