// Lock-free structures of many threads: nothing lost, nothing doubled, garbage freed.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

struct Node {
  Node(std::uint64_t id, Census& census) : counted(id, census) {}
  void Trace(Visitor& visitor) const { visitor.Trace(next); }
  Counted counted;
  AtomicMember<Node> next;
};

// R. K. Treiber: Systems Programming: Coping with Parallelism, 1986. No address is used again while
// a thread holds it, so there is no ABA problem.
struct Stack {
  void Trace(Visitor& visitor) const { visitor.Trace(head); }

  void Push(Node* node) {
    Node* old = head.load();
    do {
      node->next = old;
    } while (!head.compare_exchange_weak(old, node));
  }
  Node* Pop() {
    Node* old = head.load();
    while (old != nullptr && !head.compare_exchange_weak(old, old->next)) {
    }
    return old;
  }

  AtomicMember<Node> head;
};

// M. M. Michael, M. L. Scott: Simple, Fast, and Practical Non-Blocking and Blocking Concurrent
// Queue Algorithms, PODC 1996.
struct Queue {
  explicit Queue(Node* dummy) : head(dummy), tail(dummy) {}
  void Trace(Visitor& visitor) const {
    visitor.Trace(head);
    visitor.Trace(tail);
  }

  void Push(Node* node) {
    while (true) {
      Node* last = tail.load();
      Node* next = last->next.load();
      if (next != nullptr) {
        tail.compare_exchange_strong(last, next);
      } else if (last->next.compare_exchange_strong(next, node)) {
        tail.compare_exchange_strong(last, node);
        return;
      }
    }
  }
  Node* Pop() {
    while (true) {
      Node* first = head.load();
      Node* last = tail.load();
      Node* const next = first->next.load();
      if (next == nullptr) return nullptr;
      if (first == last) {
        tail.compare_exchange_strong(last, next);
      } else if (head.compare_exchange_strong(first, next)) {
        return next;
      }
    }
  }

  AtomicMember<Node> head;
  AtomicMember<Node> tail;
};

class LockFreeTest : public StressTest {
 public:
  // Every thread pushes its own ids and pops whatever comes; at the end all ids have come once.
  template <class Structure, class F>
  void Run(F&& make) {
    constexpr int kThreads = 8;
    const std::size_t ids = Scaled(60000);
    std::vector<std::atomic<int>> seen(kThreads * ids + 1);
    Persistent<Structure> structure;
    const auto note = [&](const Node* node) {
      const std::uint64_t id = node->counted.id();
      ASSERT_GT(id, 0u);
      ASSERT_LT(id, seen.size());
      ASSERT_EQ(seen[id]++, 0);
    };
    RunThreads(1, [&](int) {
      Mutator mutator(heap());
      structure = make();
    });
    {
      BackToBackCycles cycles(heap());
      RunThreads(kThreads, [&](int thread) {
        Mutator mutator(heap());
        Random random(static_cast<std::uint64_t>(thread));
        const std::uint64_t base = static_cast<std::uint64_t>(thread) * ids;
        for (std::uint64_t i = 1; i <= ids && !HasFatalFailure(); i++) {
          structure->Push(Make<Node>(base + i, census_));
          if (random.OneIn(2)) {
            if (const Node* const node = structure->Pop()) note(node);
          }
          if (random.OneIn(64)) mutator.Safepoint();
        }
      });
    }
    RunThreads(1, [&](int) {
      Mutator mutator(heap());
      while (const Node* const node = structure->Pop()) note(node);
    });
    for (std::size_t id = 1; id < seen.size(); id++) {
      ASSERT_EQ(seen[id], 1) << id;
    }
    structure = nullptr;
    CollectEverything();
    EXPECT_EQ(census_.made, census_.destroyed);
  }

  Census& census() { return census_; }

 private:
  Census census_;
};

TEST_F(LockFreeTest, TreiberStack) {
  Run<Stack>([] { return Make<Stack>(); });
}

TEST_F(LockFreeTest, MichaelScottQueue) {
  Run<Queue>([this] { return Make<Queue>(Make<Node>(~std::uint64_t{0} >> 1, census())); });
}

}  // namespace
}  // namespace elegy::test
