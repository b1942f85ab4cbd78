// Sizes beyond the usual: deep stacks and stacks of the program's own, a list of half a gibibyte, a
// thousand threads at once, and stacks full of words that mean harm.

#include <gtest/gtest.h>
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/stress.h"

namespace elegy::test {
namespace {

struct Node {
  Member<Node> next;
  std::int64_t value = 0;
  std::array<std::int64_t, 7> padding = {};  // blocks have a rest that is no cell
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

// Both heaps; this thread is the first one's mutator.
[[gnu::noinline]] void CollectWith(Heap& heap, Heap& other,
                                   const std::function<std::uintptr_t()>& next) {
  Words words;
  for (volatile std::uintptr_t& word : words) word = next();
  heap.Collect();
  other.Collect();
  KeepAlive(&words);
}

// Places in a heap, which no scan of a stack finds here.
class Places {
 public:
  void Add(const void* object, std::size_t bytes) {
    places_.push_back({~reinterpret_cast<std::uintptr_t>(object), bytes});
  }
  std::uintptr_t Start(Random& random) const { return ~Any(random).hidden; }
  std::uintptr_t Inside(Random& random) const {
    const Place& place = Any(random);
    return ~place.hidden + random.Below(place.bytes);
  }
  std::uintptr_t End() const {
    std::uintptr_t end = 0;
    for (const Place& place : places_) end = std::max(end, ~place.hidden + place.bytes);
    return end;
  }

  // Whoever takes what lies there for an object finds pointers to nowhere in it; AddressSanitizer
  // reports who reads it at all, as it does since the objects there have died.
  void Spoil() const {
    for (const Place& place : places_) {
      ASAN_UNPOISON_MEMORY_REGION(Memory(place), place.bytes);
      std::memset(Memory(place), 0xEE, place.bytes);
      ASAN_POISON_MEMORY_REGION(Memory(place), place.bytes);
    }
  }
  void Unspoil() const {
    for (const Place& place : places_) ASAN_UNPOISON_MEMORY_REGION(Memory(place), place.bytes);
  }

 private:
  struct Place {
    std::uintptr_t hidden;
    std::size_t bytes;
  };

  const Place& Any(Random& random) const { return places_[random.Below(places_.size())]; }
  static void* Memory(const Place& place) { return reinterpret_cast<void*>(~place.hidden); }

  std::vector<Place> places_;
};

// What a heap holds: a list of 20 nodes, each in a block of its own among cells that have been
// freed; blocks all of whose cells have been; and large objects, of which one lives.
class Scenery {
 public:
  static constexpr std::size_t kLargeLength = 20'000;  // with the header, no multiple of a block
  static constexpr std::size_t kLive = 20;

  // On a thread that is the heap's mutator.
  explicit Scenery(Heap& heap) : heap_(heap) {
    NoInline([this] { Make(); });
    Mutator::Current().EndTurn(StackState::kNoPointers);
    heap.Collect(StackState::kNoPointers);
    live_bytes_ = heap.Stats().live_bytes;
    for (const Places* each : Freed()) each->Spoil();
  }
  Scenery(const Scenery&) = delete;
  Scenery& operator=(const Scenery&) = delete;
  ~Scenery() {
    for (const Places* each : Freed()) each->Unspoil();
  }

  void ExpectUnchanged(const char* words) const {
    EXPECT_EQ(heap_.Stats().live_bytes, live_bytes_) << words;
    std::size_t nodes = 0;
    for (const Node* each = list_; each != nullptr; each = each->next) {
      ASSERT_EQ(each->value, 5) << words;
      nodes++;
    }
    EXPECT_EQ(nodes, kLive) << words;
    for (const Member<Node>& each : *large_) {
      ASSERT_EQ(each->value, 5) << words;
    }
  }

  std::uint64_t live_bytes() const { return live_bytes_; }
  std::uintptr_t End() const { return std::max({live_.End(), free_.End(), freed_large_.End()}); }

  Places live_;
  Places live_large_;
  Places freed_;  // in blocks that are used
  Places free_;   // in blocks that are not
  Places freed_large_;

 private:
  void Make() {
    for (std::size_t i = 0; i < kLive * 250; i++) {
      Node* const node = elegy::Make<Node>(i % 250 == 0 ? list_.get() : nullptr, 5);
      (i % 250 == 0 ? live_ : freed_).Add(node, sizeof(Node));
      if (i % 250 == 0) list_ = node;
    }
    for (std::size_t i = 0; i < 5000; i++) {
      // The first and last may share their blocks with other nodes: freed as well, or alive.
      free_.Add(elegy::Make<Node>(nullptr, 5), sizeof(Node));
    }
    for (int i = 0; i < 10; i++) {
      auto* const large = MakeArray<Member<Node>>(kLargeLength);
      for (Member<Node>& each : *large) each = list_.get();
      (i == 5 ? live_large_ : freed_large_).Add(large, kLargeLength * sizeof(Member<Node>));
      if (i == 5) large_ = large;
    }
  }
  std::array<const Places*, 3> Freed() const { return {&freed_, &free_, &freed_large_}; }

  Heap& heap_;
  Persistent<Node> list_;
  Persistent<Array<Member<Node>>> large_;
  std::uint64_t live_bytes_ = 0;
};

constexpr std::uintptr_t kBlock = std::uintptr_t{16} << 10;
constexpr std::uintptr_t kChunk = std::uintptr_t{2} << 20;

TEST_F(LimitsTest, WordsThatMeanHarmKeepNothing) {
  Heap other(TestOptions());
  std::unique_ptr<Scenery> others;
  RunThreads(1, [&](int) {
    const Mutator mutator(other);
    others = std::make_unique<Scenery>(other);
  });
  RunThreads(1, [&](int) {
    Random random(0);
    const Mutator mutator(heap());
    const Scenery mine(heap());
    EXPECT_EQ(mine.live_bytes(), others->live_bytes());

    const std::vector<std::uintptr_t> borders = MappedBorders();
    const std::pair<const char*, std::function<std::uintptr_t()>> kKinds[] = {
        {"freed cells", [&] { return mine.freed_.Start(random); }},
        {"inside freed cells", [&] { return mine.freed_.Inside(random); }},
        {"free blocks", [&] { return mine.free_.Inside(random); }},
        {"rests at the ends of blocks",
         [&] {
           const std::uintptr_t block = mine.freed_.Start(random) & ~(kBlock - 1);
           return block + kBlock - 1 - random.Below(kBlock % sizeof(Node));
         }},
        {"freed large objects", [&] { return mine.freed_large_.Start(random); }},
        {"inside freed large objects", [&] { return mine.freed_large_.Inside(random); }},
        {"inside large objects", [&] { return mine.live_large_.Inside(random); }},
        {"behind large objects",
         [&] { return (mine.live_large_.End() | (kBlock - 1)) - random.Below(64); }},
        {"behind the last chunk",
         [&] { return (mine.End() | (kChunk - 1)) + 1 + random.Below(4 * kChunk); }},
        {"another heap's objects", [&] { return others->live_.Inside(random); }},
        {"another heap's freed cells", [&] { return others->freed_.Inside(random); }},
        {"another heap's free blocks", [&] { return others->free_.Inside(random); }},
        {"another heap's freed large objects", [&] { return others->freed_large_.Inside(random); }},
        {"borders of mappings",
         [&] { return borders[random.Below(borders.size())] + random.Below(64) - 32; }},
        {"inside mappings",
         [&] {
           const std::size_t i = random.Below(borders.size() / 2) * 2;
           return borders[i] + random.Below(borders[i + 1] - borders[i]);
         }},
        {"not canonical", [&] { return random.Next() | (std::uintptr_t{1} << 63); }},
        {"any", [&] { return random.Next(); }},
    };
    for (const auto& [name, next] : kKinds) {
      for (std::size_t i = 0; i < 5; i++) {
        CollectWith(heap(), other, next);
        mine.ExpectUnchanged(name);
        EXPECT_EQ(other.Stats().live_bytes, others->live_bytes()) << name;
      }
    }
  });
  RunThreads(1, [&](int) {
    const Mutator mutator(other);
    others->ExpectUnchanged("another heap's");
    others.reset();
  });
}

}  // namespace
}  // namespace elegy::test
