// What a heap's collector calls uses the heap, or waits for the collector: each ends the program
// with a message that says what is wrong.

#include <gtest/gtest.h>
#include <pthread.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <sstream>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

struct Node {
  std::int64_t value = 0;
  Member<Node> next;
};

class CollectorDeathTest : public HeapTest {
 protected:
  CollectorDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

// Destructors run on threads of the collector, which are no mutators.
constexpr char kInTheCollector[] = "elegy: a destructor, a Trace, .* of a FinalizationRegistry";

class AtItsEnd {
 public:
  explicit AtItsEnd(std::function<void()> f) : f_(std::move(f)) {}
  ~AtItsEnd() { f_(); }
  void Trace(Visitor&) const {}

 private:
  const std::function<void()> f_;
};

TEST_F(CollectorDeathTest, ADestructorMakesNoObjects) {
  const auto destroy = [this](std::function<void()> f) {
    NoInline([&f] { Make<AtItsEnd>(std::move(f)); });
    CollectPrecisely();
  };
  const Persistent<Node> node = Make<Node>();
  const Persistent reference = Make<WeakRef<Node>>(node.get());
  const Persistent registry = Make<FinalizationRegistry<int>>([](int) {});
  EXPECT_DEATH(destroy([] { Make<Node>(); }), kInTheCollector);
  EXPECT_DEATH(destroy([] { MakeArray<char>(3); }), kInTheCollector);
  EXPECT_DEATH(destroy([&] { reference->Deref(); }), kInTheCollector);
  EXPECT_DEATH(destroy([&] { registry->Register(node, 1).IgnoreError(); }), kInTheCollector);
  EXPECT_DEATH(destroy([&] { registry->CleanupSome(); }), kInTheCollector);
}

// Nor does a Trace store: the collector would come too late for what it lets go.
class StoringInTrace {
 public:
  explicit StoringInTrace(Node* node) : node_(node) {}
  void Trace(Visitor& visitor) const {
    visitor.Trace(node_);
    node_ = nullptr;
  }

 private:
  mutable Member<Node> node_;
};

TEST_F(CollectorDeathTest, ATraceStoresToNoSlot) {
  const auto mark = [this] {
    const Persistent storing = Make<StoringInTrace>(Make<Node>());
    heap().Collect();
  };
  EXPECT_DEATH(mark(), kInTheCollector);
}

// Nor can such a thread become one: it would wait for itself.
class Attaching {
 public:
  explicit Attaching(Heap& heap) : heap_(heap) {}
  ~Attaching() { const Mutator mutator(heap_); }
  void Trace(Visitor&) const {}

 private:
  Heap& heap_;
};

TEST_F(CollectorDeathTest, ACollectorsThreadIsNotAttached) {
  const auto destroy = [this] {
    NoInline([this] { Make<Attaching>(heap()); });
    CollectPrecisely();
  };
  EXPECT_DEATH(destroy(), "elegy: an elegy::Mutator in what the heap's collector calls");
}

// Who waits for the collector on one of its threads would wait for ever.
constexpr char kWaitsForItself[] = "elegy: the collector waits for itself";

class WaitingCollectorDeathTest : public HeapTest {
 protected:
  WaitingCollectorDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

class Collecting {
 public:
  explicit Collecting(Heap& heap) : heap_(heap) {}
  ~Collecting() { heap_.Collect(); }
  void Trace(Visitor&) const {}

 private:
  Heap& heap_;
};

TEST_F(WaitingCollectorDeathTest, InADestructor) {
  const auto die = [this] {
    NoInline([this] { Make<Collecting>(heap()); });
    CollectPrecisely();
  };
  EXPECT_DEATH(die(), kWaitsForItself);
}

TEST_F(WaitingCollectorDeathTest, InADestructorAtTheHeapsEnd) {
  const auto die = [] {
    Heap heap(TestOptions());
    std::thread([&heap] {
      const Mutator mutator(heap);
      Make<Collecting>(heap);
    }).join();
  };
  EXPECT_DEATH(die(), kWaitsForItself);
}

TEST_F(WaitingCollectorDeathTest, InAnObserver) {
  const auto die = [this](auto wait) {
    heap().SetObserver([wait](const HeapEvent&) { wait(); });
    CollectPrecisely();
  };
  EXPECT_DEATH(die([this] { heap().Collect(); }), kWaitsForItself);
  EXPECT_DEATH(die([this] { heap().PrepareFork().IgnoreError(); }), kWaitsForItself);
  EXPECT_DEATH(die([this] {
                 std::ostringstream out;
                 heap().WriteSnapshot(out).IgnoreError();
               }),
               kWaitsForItself);
}

TEST_F(WaitingCollectorDeathTest, InOnReady) {
  const auto die = [this] {
    RegistryOptions options;
    options.on_ready = [this] { heap().Collect(); };
    const Persistent registry = Make<FinalizationRegistry<int>>([](int) {}, std::move(options));
    NoInline([&] { EXPECT_TRUE(registry->Register(Make<Node>(), 1).ok()); });
    CollectPrecisely();
  };
  EXPECT_DEATH(die(), kWaitsForItself);
}

// Marking waits for the Trace, wherever that runs.
enum class Marks { kCollector, kMarkerThread, kMutator };

thread_local bool is_mutator = false;

Marks WhoMarks() {
  if (is_mutator) return Marks::kMutator;
  std::array<char, 16> name = {};
  pthread_getname_np(pthread_self(), name.data(), name.size());
  return std::string_view(name.data()) == "elegy-marker" ? Marks::kMarkerThread : Marks::kCollector;
}

class CollectingInTrace {
 public:
  CollectingInTrace(Heap& heap, Marks where) : heap_(heap), where_(where) {}
  // Others let the one go ahead.
  void Trace(Visitor&) const {
    if (WhoMarks() == where_) heap_.Collect();
    if (where_ != Marks::kCollector) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

 private:
  Heap& heap_;
  const Marks where_;
};

class WaitingTraceDeathTest : public HeapTest {
 protected:
  WaitingTraceDeathTest() : HeapTest({.initial_heap_bytes = 1 << 20, .marker_threads = 2}) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
  }

  // Has some marked, while this mutator allocates.
  void MarkSome(Marks where) {
    constexpr int kObjects = 20'000;
    is_mutator = true;
    std::vector<Persistent<CollectingInTrace>> objects;
    objects.reserve(kObjects);
    for (int i = 0; i < kObjects; i++) objects.emplace_back(Make<CollectingInTrace>(heap(), where));
    const std::uint64_t cycles = heap().Stats().cycles;
    while (heap().Stats().cycles < cycles + 3) Make<Node>();
  }
};

TEST_F(WaitingTraceDeathTest, OnTheCollectorsThread) {
  EXPECT_DEATH(MarkSome(Marks::kCollector), kWaitsForItself);
}

TEST_F(WaitingTraceDeathTest, OnAMarkerThread) {
  EXPECT_DEATH(MarkSome(Marks::kMarkerThread), kWaitsForItself);
}

TEST_F(WaitingTraceDeathTest, OnAMutatorThatHelps) {
  EXPECT_DEATH(MarkSome(Marks::kMutator), kWaitsForItself);
}

// But it may wait for another heap.
TEST(CollectorOfTwoHeapsTest, ADestructorMayCollectAnotherHeap) {
  Heap other(TestOptions());
  Heap heap(TestOptions());
  const Mutator mutator(heap);
  const std::uint64_t cycles = other.Stats().cycles;
  NoInline([&] { Make<Collecting>(other); });
  heap.Collect(StackState::kNoPointers);
  EXPECT_GT(other.Stats().cycles, cycles);
}

}  // namespace
}  // namespace elegy::test
