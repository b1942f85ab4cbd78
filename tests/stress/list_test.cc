// Things that change their place all the time and are each in one place only: lists that are cut,
// joined and turned round by several threads, and payloads that go from one lock-free structure to
// another, always hidden in a freshly made node. None is ever lost or doubled.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

struct Item {
  Item(std::uint64_t id, Census& census) : counted(id, census) {}
  void Trace(Visitor&) const {}

  Counted counted;
};

class ListTest : public StressTest {
 public:
  void NoteOnce(const Item* item, std::vector<int>& seen) {
    const std::uint64_t id = item->counted.id();
    ASSERT_GT(id, 0u);
    ASSERT_LE(id, seen.size());
    ASSERT_EQ(seen[id - 1]++, 0);
  }
  void ExpectAll(const std::vector<int>& seen) {
    for (std::size_t i = 0; i < seen.size(); i++) {
      ASSERT_EQ(seen[i], 1) << "item " << i + 1;
    }
    EXPECT_EQ(census_.destroyed, 0u);
  }
  void ExpectNothingLeft() {
    CollectEverything();
    EXPECT_EQ(census_.made, census_.destroyed);
  }

  Census census_;
};

struct Link {
  Member<Item> item;
  Member<Link> next;
};
struct Chain {
  Member<Link> first;
  Member<Link> last;

  void Append(Link* from, Link* to) {
    if (last) {
      last->next = from;
    } else {
      first = from;
    }
    last = to;
  }
  // Takes the first few links out; the last of them, or null if there are none.
  Link* Cut(std::size_t links) {
    Link* end = first;
    while (end != nullptr && --links > 0 && end->next) end = end->next;
    if (end == nullptr) return nullptr;
    first = end->next;
    if (!first) last = nullptr;
    end->next = nullptr;
    return end;
  }
};

// The front of one list goes to the end of another, or of the same; now and then with new links, or
// the other way round.
TEST_F(ListTest, ListsAreCutAndJoined) {
  constexpr std::size_t kChains = 8;
  constexpr std::uint64_t kItems = 2000;
  const auto chains = [&] {
    Persistent<Array<Member<Chain>>> made;
    RunThreads(1, [&](int) {
      Mutator mutator(heap());
      made = MakeArray<Member<Chain>>(kChains);
      for (Member<Chain>& chain : *made) chain = Make<Chain>();
      for (std::uint64_t id = 1; id <= kItems; id++) {
        Link* const link = Make<Link>(Make<Item>(id, census_));
        (*made)[id % kChains]->Append(link, link);
      }
    });
    return made;
  };
  Persistent<Array<Member<Chain>>> all = chains();
  std::array<std::mutex, kChains> mutexes;
  {
    BackToBackCycles cycles(heap());
    RunThreads(4, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      for (std::size_t i = 0; i < Scaled(200'000) && cycles.GoOn(SIZE_MAX, random); i++) {
        const std::size_t from = random.Below(kChains);
        const std::size_t to = random.Below(kChains);
        Link* first;
        Link* last;
        {
          const std::lock_guard lock(mutexes[from]);
          first = (*all)[from]->first;
          last = (*all)[from]->Cut(random.Below(30) + 1);
        }
        if (last == nullptr) continue;
        if (random.OneIn(4)) mutator.Safepoint();
        if (random.OneIn(3)) {
          Link* turned = nullptr;
          last = nullptr;
          for (const Link* link = first; link != nullptr; link = link->next) {
            turned = Make<Link>(link->item, turned);
            if (last == nullptr) last = turned;
          }
          first = turned;
        }
        const std::lock_guard lock(mutexes[to]);
        (*all)[to]->Append(first, last);
      }
    });
  }
  std::vector<int> seen(kItems);
  for (const Member<Chain>& chain : *all) {
    for (const Link* link = chain->first; link != nullptr; link = link->next) {
      NoteOnce(link->item, seen);
      ASSERT_TRUE(link->next || link == chain->last);
    }
  }
  ExpectAll(seen);
  all = nullptr;
  ExpectNothingLeft();
}

struct Node {
  Member<Item> item;
  AtomicMember<Node> next;
};

// R. K. Treiber: Systems Programming: Coping with Parallelism, 1986.
struct Stack {
  AtomicMember<Node> head;

  void Push(Item* item) {
    Node* const node = Make<Node>(item, head.load());
    for (Node* old = node->next; !head.compare_exchange_weak(old, node);) node->next = old;
  }
  Item* Pop() {
    Node* old = head.load();
    while (old != nullptr && !head.compare_exchange_weak(old, old->next)) {
    }
    return old == nullptr ? nullptr : old->item.get();
  }
  // All nodes at once; in the stack they are nobody's any more.
  Node* TakeAll() { return head.exchange(nullptr); }
};

// M. M. Michael, M. L. Scott: Simple, Fast, and Practical Non-Blocking and Blocking Concurrent
// Queue Algorithms, PODC 1996. The first node's item has been taken already.
struct Queue {
  AtomicMember<Node> head;
  AtomicMember<Node> tail;

  void Push(Item* item) {
    Node* const node = Make<Node>(item);
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
  Item* Pop() {
    while (true) {
      Node* first = head.load();
      Node* last = tail.load();
      Node* const next = first->next.load();
      if (next == nullptr) return nullptr;
      Item* const item = next->item;
      if (first == last) {
        tail.compare_exchange_strong(last, next);
      } else if (head.compare_exchange_strong(first, next)) {
        return item;
      }
    }
  }
};

struct Structures {
  std::array<Member<Stack>, 4> stacks;
  std::array<Member<Queue>, 4> queues;
};

TEST_F(ListTest, PayloadsGoFromStructureToStructure) {
  constexpr std::uint64_t kItems = 1000;
  Persistent<Structures> all;
  RunThreads(1, [&](int) {
    Mutator mutator(heap());
    all = Make<Structures>();
    for (Member<Stack>& stack : all->stacks) stack = Make<Stack>();
    for (Member<Queue>& queue : all->queues) {
      Node* const taken = Make<Node>();
      queue = Make<Queue>(taken, taken);
    }
    for (std::uint64_t id = 1; id <= kItems; id++) all->stacks[0]->Push(Make<Item>(id, census_));
  });
  {
    BackToBackCycles cycles(heap());
    RunThreads(4, [&](int thread) {
      Random random(static_cast<std::uint64_t>(thread));
      Mutator mutator(heap());
      const auto put = [&](Item* item) {
        if (random.OneIn(2)) {
          all->stacks[random.Below(4)]->Push(item);
        } else {
          all->queues[random.Below(4)]->Push(item);
        }
      };
      for (std::size_t i = 0; i < Scaled(400'000) && cycles.GoOn(SIZE_MAX, random); i++) {
        if (random.OneIn(500)) {
          for (Node* node = all->stacks[random.Below(4)]->TakeAll(); node != nullptr;) {
            put(node->item);
            node = node->next;
          }
        }
        Item* const item = random.OneIn(2) ? all->stacks[random.Below(4)]->Pop()
                                           : all->queues[random.Below(4)]->Pop();
        if (item == nullptr) continue;
        if (random.OneIn(16)) mutator.Safepoint();
        EXPECT_NE(item->counted.id(), 0u);
        put(item);
      }
    });
  }
  std::vector<int> seen(kItems);
  RunThreads(1, [&](int) {
    Mutator mutator(heap());
    for (Member<Stack>& stack : all->stacks) {
      while (const Item* const item = stack->Pop()) NoteOnce(item, seen);
    }
    for (Member<Queue>& queue : all->queues) {
      while (const Item* const item = queue->Pop()) NoteOnce(item, seen);
    }
  });
  ExpectAll(seen);
  all = nullptr;
  ExpectNothingLeft();
}

}  // namespace
}  // namespace elegy::test
