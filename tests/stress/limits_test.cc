// Sizes beyond the usual: deep stacks and stacks of the program's own, a list of half a gibibyte, a
// thousand threads at once, and stacks full of words that mean harm.

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

struct Node {
  Member<Node> next;
  std::int64_t value = 0;
  std::array<std::int64_t, 6> padding = {};
};

// Runs body on a thread whose stack is memory of this program's.
class OwnStack {
 public:
  explicit OwnStack(std::size_t bytes)
      : bytes_(bytes),
        memory_(mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {}
  OwnStack(const OwnStack&) = delete;
  OwnStack& operator=(const OwnStack&) = delete;
  ~OwnStack() { munmap(memory_, bytes_); }

  void Run(std::function<void()> body) {
    ASSERT_NE(memory_, MAP_FAILED);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    ASSERT_EQ(pthread_attr_setstack(&attributes, memory_, bytes_), 0);
    pthread_t thread;
    const auto start = [](void* given) -> void* {
      (*static_cast<std::function<void()>*>(given))();
      return nullptr;
    };
    ASSERT_EQ(pthread_create(&thread, &attributes, start, &body), 0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
  }

 private:
  std::size_t bytes_;
  void* memory_;
};

class LimitsTest : public StressTest {};

// So many frames of a KiB; the innermost one collects and makes what would overwrite the dead.
[[gnu::noinline]] void Deepen(Heap& heap, std::size_t frames) {
  std::array<volatile std::uintptr_t, 128> filling{};
  if (frames > 0) {
    Deepen(heap, frames - 1);
  } else {
    Node* const innermost = Make<Node>(nullptr, 2);
    heap.Collect();
    for (int i = 0; i < 20'000; i++) Make<Node>(nullptr, -1);
    EXPECT_EQ(innermost->value, 2);
  }
  KeepAlive(&filling);
}

TEST_F(LimitsTest, StacksOfManyMebibytesAreScannedToTheirBase) {
  constexpr std::size_t kMebibyte = std::size_t{1} << 20;
  for (const std::size_t mebibytes : {4, 24, 120}) {
    OwnStack(mebibytes * kMebibyte).Run([&] {
      const Mutator mutator(heap());
      Node* const outermost = Make<Node>(Make<Node>(nullptr, 1), 3);
      Deepen(heap(), mebibytes * kMebibyte / 1024 / 4);
      EXPECT_EQ(outermost->value, 3);
      EXPECT_EQ(outermost->next->value, 1);
    });
  }
  CollectEverything();
  EXPECT_EQ(heap().Stats().live_bytes, 0u);
}

TEST_F(LimitsTest, ABlockedStackOfTheProgramsOwnIsScanned) {
  OwnStack(std::size_t{4} << 20).Run([this] {
    Mutator mutator(heap());
    Node* const mine = Make<Node>(nullptr, 4);
    {
      const BlockingRegion region(mutator);
      RunThreads(1, [this](int) {
        heap().Collect();
        const Mutator other(heap());
        for (int i = 0; i < 20'000; i++) Make<Node>(nullptr, -1);
      });
    }
    EXPECT_EQ(mine->value, 4);
  });
}

TEST_F(LimitsTest, AListOfHalfAGibibyte) {
  const auto length = static_cast<std::int64_t>(Scaled((std::size_t{512} << 20) / sizeof(Node)));
  Persistent<Node> head;
  RunThreads(1, [&](int) {
    const Mutator mutator(heap());
    for (std::int64_t i = 0; i < length; i++) head = Make<Node>(head.get(), i);
  });
  heap().Collect();
  EXPECT_EQ(heap().Stats().live_bytes, static_cast<std::uint64_t>(length) * sizeof(Node));
  RunThreads(1, [&](int) {
    const Mutator mutator(heap());
    std::int64_t expected = length;
    for (const Node* each = head; each != nullptr; each = each->next) {
      ASSERT_EQ(each->value, --expected);
    }
    EXPECT_EQ(expected, 0);
    head = nullptr;
  });
  CollectEverything();
  EXPECT_EQ(heap().Stats().live_bytes, 0u);
}

TEST_F(LimitsTest, AThousandThreadsAtOnce) {
  const auto threads = static_cast<int>(Scaled(1000));
  std::barrier together(threads);
  std::atomic<int> whole{0};
  RunThreads(threads, [&](int thread) {
    Mutator mutator(heap());
    Node* const mine = Make<Node>(Make<Node>(nullptr, -thread), thread);
    const auto meet = [&] {
      const BlockingRegion region(mutator);
      together.arrive_and_wait();
    };
    meet();
    if (thread < 3) heap().Collect();
    for (int i = 0; i < 100; i++) Make<Node>(nullptr, -1);
    meet();
    whole += mine->value == thread && mine->next->value == -thread ? 1 : 0;
  });
  EXPECT_EQ(whole, threads);
  CollectEverything();
  EXPECT_EQ(heap().Stats().live_bytes, 0u);
}

// The borders of all that this process has mapped: the heap's range and its side tables among them.
std::vector<std::uintptr_t> MappedBorders() {
  std::vector<std::uintptr_t> borders;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::size_t dash = 0;
    borders.push_back(std::stoull(line, &dash, 16));
    borders.push_back(std::stoull(line.substr(dash + 1), nullptr, 16));
  }
  return borders;
}

constexpr std::size_t kWords = 4096;
using Words = std::array<volatile std::uintptr_t, kWords>;

[[gnu::noinline]] void CollectWith(Heap& heap, const std::function<std::uintptr_t()>& next) {
  Words words;
  for (volatile std::uintptr_t& word : words) word = next();
  heap.Collect();
  KeepAlive(&words);
}

TEST_F(LimitsTest, WordsThatMeanHarmKeepNothing) {
  RunThreads(1, [this](int) {
    Random random(0);
    Mutator mutator(heap());
    // Cells that have been freed, in blocks that are still used: the last object of each lives.
    std::vector<std::uintptr_t> dead;
    const auto make = [&] {
      Persistent<Node> last;
      for (std::size_t i = 0; i < 5000; i++) {
        Node* const node = Make<Node>(i % 250 == 0 ? last.get() : nullptr, 5);
        if (i % 250 == 0) {
          last = node;
        } else {
          dead.push_back(~reinterpret_cast<std::uintptr_t>(node));
        }
      }
      return last;
    };
    const Persistent<Node> live = NoInline(make);
    mutator.EndTurn(StackState::kNoPointers);
    heap().Collect(StackState::kNoPointers);
    const std::uint64_t live_bytes = heap().Stats().live_bytes;
    EXPECT_EQ(live_bytes, 20 * sizeof(Node));

    const std::vector<std::uintptr_t> borders = MappedBorders();
    const std::pair<const char*, std::function<std::uintptr_t()>> kKinds[] = {
        {"freed cells", [&] { return ~dead[random.Below(dead.size())]; }},
        {"inside freed cells",
         [&] { return ~dead[random.Below(dead.size())] + random.Below(sizeof(Node)); }},
        {"borders of mappings",
         [&] { return borders[random.Below(borders.size())] + random.Below(64) - 32; }},
        {"not canonical", [&] { return random.Next() | (std::uintptr_t{1} << 63); }},
        {"any", [&] { return random.Next(); }},
    };
    for (const auto& [name, next] : kKinds) {
      for (std::size_t i = 0; i < 10; i++) {
        CollectWith(heap(), next);
        EXPECT_EQ(heap().Stats().live_bytes, live_bytes) << name;
      }
    }
    for (const Node* each = live; each != nullptr; each = each->next) {
      ASSERT_EQ(each->value, 5);
    }
  });
}

}  // namespace
}  // namespace elegy::test
