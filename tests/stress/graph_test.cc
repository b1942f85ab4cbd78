// Several mutators change one graph at random, by every kind of slot there is: nothing that can be
// reached from anywhere is ever freed or is anything else than it was, and what cannot is freed.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

// Nodes have colours, and a slot refers to nodes of its own colour only: one that is freed and made
// anew as another node betrays itself.
constexpr std::size_t kColours = 4;

struct Node;
using Nodes = Array<Member<Node>>;

struct Node {
  Node(std::uint64_t id, Census& census) : counted(id, census) {}
  void Trace(Visitor& visitor) const {
    visitor.Trace(plain);
    visitor.Trace(atomic);
    visitor.Trace(array);
    visitor.Trace(weak);
    visitor.Trace(vector);
  }

  Counted counted;
  Member<Node> plain;           // of colour 0
  AtomicMember<Node> atomic;    // of colour 1
  Member<Nodes> array;          // [i] of colour i; null or with kColours elements
  WeakMember<Node> weak;        // of colour 2
  std::atomic_flag in_use;      // guards the vector
  Vector<Member<Node>> vector;  // of colour 3
};

class GraphTest : public StressTest {
 public:
  static constexpr std::size_t kRoots = 32;

  GraphTest() {
    RunThreads(1, [&](int) {
      Mutator mutator(heap());
      roots_ = MakeArray<Member<Nodes>>(kRoots);
      for (Member<Nodes>& root : *roots_) root = MakeArray<Member<Node>>(kColours);
    });
  }

  static std::size_t ColourOf(const Node* node) { return node->counted.id() % kColours; }
  static void ExpectColour(const Node* node, std::size_t colour) {
    ASSERT_NE(node->counted.id(), 0u) << "freed";
    ASSERT_EQ(ColourOf(node), colour) << "another node";
  }

  Node* MakeNode(std::size_t colour, Random& random) {
    const std::uint64_t id = (random.Below(1000) + 1) * kColours + colour;
    return Make<Node>(id, census_);
  }
  Member<Node>& AnyRoot(std::size_t colour, Random& random) {
    return (*(*roots_)[random.Below(kRoots)])[colour];
  }

  // What a mutator has in hand: nodes by colour, known to its stack alone.
  using Hands = std::array<Node*, kColours>;

  // Takes whatever the node in some hand refers to.
  void Read(Hands& hands, Random& random) {
    Node* const from = hands[random.Below(kColours)];
    if (from == nullptr) return;
    const std::size_t colour = random.Below(kColours);
    Node* found = nullptr;
    if (Nodes* const array = from->array; array != nullptr && random.OneIn(2)) {
      found = (*array)[colour];
    } else if (colour == 0) {
      found = from->plain;
    } else if (colour == 1) {
      found = from->atomic.load();
    } else if (colour == 2) {
      found = from->weak.Get();
    } else if (!from->in_use.test_and_set()) {
      if (!from->vector.empty()) {
        found = from->vector.back();
        if (random.OneIn(2)) from->vector.pop_back();
      }
      from->in_use.clear();
    }
    if (found == nullptr) return;
    ExpectColour(found, colour);
    hands[colour] = found;
  }

  // Makes the node in some hand refer to the one in another.
  void Write(Hands& hands, Random& random) {
    Node* const to = hands[random.Below(kColours)];
    if (to == nullptr) return;
    const std::size_t colour = random.Below(kColours);
    Node* const node = random.OneIn(4) ? nullptr : hands[colour];
    if (random.OneIn(3)) {
      if (Nodes* const array = to->array) {
        (*array)[colour] = node;
      } else {
        Nodes* const fresh = MakeArray<Member<Node>>(kColours);
        (*fresh)[colour] = node;
        to->array = fresh;
      }
    } else if (colour == 0) {
      to->plain = node;
    } else if (colour == 1) {
      Node* const before = to->atomic.exchange(node);
      hands[colour] = before;
    } else if (colour == 2) {
      to->weak = node;
    } else if (!to->in_use.test_and_set()) {
      if (node == nullptr || to->vector.size() > 20) {
        to->vector.clear();
      } else {
        to->vector.push_back(node);
      }
      to->in_use.clear();
    }
  }

  void Act(Hands& hands, Persistent<Node>& handle, std::size_t handle_colour, Random& random) {
    const std::size_t colour = random.Below(kColours);
    switch (random.Below(16)) {
      case 0:
        hands[colour] = MakeNode(colour, random);
        break;
      case 1:
        AnyRoot(colour, random) = hands[colour];
        break;
      case 2:
        AnyRoot(colour, random) = nullptr;
        hands[colour] = nullptr;
        break;
      case 3:
        handle = hands[handle_colour];
        break;
      case 4:
        hands[handle_colour] = handle;
        break;
      case 5:
      case 6:
        if (Node* const root = AnyRoot(colour, random)) hands[colour] = root;
        break;
      case 7:
      case 8:
      case 9:
      case 10:
        Write(hands, random);
        break;
      default:
        Read(hands, random);
    }
    for (std::size_t i = 0; i < kColours; i++) {
      if (hands[i] != nullptr) ExpectColour(hands[i], i);
    }
  }

  // Every node from which others can be reached is whole.
  void ExpectWhole() {
    std::vector<Node*> to_do;
    const auto add = [&](Node* node, std::size_t colour) {
      if (node == nullptr) return;
      ExpectColour(node, colour);
      if (!node->in_use.test_and_set()) to_do.push_back(node);
    };
    const auto add_all = [&](const Nodes& nodes) {
      for (std::size_t i = 0; i < nodes.size(); i++) add(nodes[i], i);
    };
    for (const Member<Nodes>& root : *roots_) add_all(*root);
    while (!to_do.empty()) {
      Node* const node = to_do.back();
      to_do.pop_back();
      add(node->plain, 0);
      add(node->atomic.load(), 1);
      if (node->array) add_all(*node->array);
      for (const Member<Node>& element : node->vector) add(element, 3);
    }
  }

  Census census_;
  Persistent<Array<Member<Nodes>>> roots_;
};

TEST_F(GraphTest, RandomChangesOfOneGraph) {
  {
    BackToBackCycles cycles(heap());
    RunThreads(5, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      Hands hands = {};
      const std::size_t handle_colour = random.Below(kColours);
      Persistent<Node> handle;
      std::size_t acts = 0;
      while (acts < Scaled(400'000) && cycles.GoOn(SIZE_MAX, random) && !HasFatalFailure()) {
        Act(hands, handle, handle_colour, random);
        if (++acts % 64 == 0) mutator.Safepoint();
        if (acts % 4096 == 0) hands = {};
      }
    });
  }
  RunThreads(1, [&](int) {
    Mutator mutator(heap());
    ExpectWhole();
  });
  roots_ = nullptr;
  CollectEverything();
  EXPECT_GT(census_.made, 0u);
  EXPECT_EQ(census_.made, census_.destroyed);
}

}  // namespace
}  // namespace elegy::test
