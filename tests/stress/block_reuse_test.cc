// Memory of dead objects, reused: no cell is ever handed out twice, and no block by two spaces.

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <set>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

struct Small {
  Canary canary;
  Member<Small> next;
};
struct Other {
  Canary canary;
  Member<Other> next;
  std::array<std::uint64_t, 2> filling;
};

class BlockReuseTest : public HeapTest {};

template <class T>
void Check(const T* list, std::uint64_t first, std::size_t step, std::set<const void*>& seen) {
  std::uint64_t id = first;
  for (; list != nullptr; list = list->next) {
    ASSERT_EQ(list->canary.id(), id);
    ASSERT_TRUE(seen.insert(list).second) << "two objects in one cell";
    id -= step;
  }
}

template <class T>
T* MakeList(std::uint64_t ids, T* tail) {
  for (std::uint64_t id = 1; id <= ids; id++) tail = Make<T>(Canary(id), tail);
  return tail;
}

template <class T>
void DropEverySecond(T* list) {
  for (T* at = list; at != nullptr && at->next; at = at->next) at->next = at->next->next;
}

// Every second element dies, so that the blocks are half free and available after the collection;
// then all die, and the blocks go to another space while the first one remembers them.
TEST_F(BlockReuseTest, BlocksThatWereAvailableAreNotTakenAgainOnceFreed) {
  constexpr std::uint64_t kObjects = 20000;
  for (int round = 0; round < 3; round++) {
    Persistent<Small> list = NoInline([&] { return MakeList<Small>(kObjects, nullptr); });
    NoInline([&] { DropEverySecond<Small>(list); });
    CollectPrecisely();
    list = nullptr;
    CollectPrecisely();
    Persistent<Small> smalls = NoInline([&] { return MakeList<Small>(kObjects, nullptr); });
    Persistent<Other> others = NoInline([&] { return MakeList<Other>(kObjects, nullptr); });
    NoInline([&] { DropEverySecond<Small>(smalls); });
    NoInline([&] { DropEverySecond<Other>(others); });
    for (int i = 0; i < 2; i++) {
      CollectPrecisely();
      NoInline([&] { KeepAlive(MakeList<Small>(kObjects, nullptr)); });
      NoInline([&] { KeepAlive(MakeList<Other>(kObjects, nullptr)); });
    }
    std::set<const void*> seen;
    Check<Other>(others, kObjects, 2, seen);
    Check<Small>(smalls, kObjects, 2, seen);
    if (HasFatalFailure()) return;
  }
}

class SharedBlocksTest : public StressTest {};

// Blocks stay half full through two collections, then several threads allocate from them at once.
TEST_F(SharedBlocksTest, NoBlockIsAvailableTwice) {
  constexpr std::uint64_t kObjects = 20000;
  constexpr int kThreads = 4;
  for (int round = 0; round < 4; round++) {
    Persistent<Small> list;
    RunThreads(1, [&](int) {
      Mutator mutator(heap());
      list = MakeList<Small>(kObjects, nullptr);
      DropEverySecond<Small>(list);
    });
    heap().Collect();
    heap().Collect();
    std::vector<Persistent<Small>> lists(kThreads);
    RunThreads(kThreads, [&](int thread) {
      Mutator mutator(heap());
      lists[static_cast<std::size_t>(thread)] = MakeList<Small>(kObjects / 4, nullptr);
    });
    heap().Collect();
    RunThreads(1, [&](int) {
      Mutator mutator(heap());
      KeepAlive(MakeList<Small>(kObjects, nullptr));
    });
    std::set<const void*> seen;
    Check<Small>(list, kObjects, 2, seen);
    for (const Persistent<Small>& one : lists) Check<Small>(one, kObjects / 4, 1, seen);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace elegy::test
