// What a heap tells of itself: figures, events, and the options it takes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <new>
#include <stdexcept>
#include <thread>
#include <vector>

#include "elegy/elegy.h"
#include "elegy/testing.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using testing::CycleStep;
using testing::CycleStepper;
using ::testing::ElementsAre;
using Kind = HeapEvent::Kind;

struct Node {
  std::int64_t value = 0;
  Member<Node> next;
  WeakMember<Node> weak;
  std::int64_t padding[5] = {};
  void Trace(Visitor& visitor) const {
    visitor.Trace(next);
    visitor.Trace(weak);
  }
};

class MemoryStatsTest : public HeapTest {
 protected:
  static std::vector<Persistent<Node>> MakeMany(std::size_t count) {
    std::vector<Persistent<Node>> nodes;
    for (std::size_t i = 0; i < count; i++) nodes.emplace_back(Make<Node>());
    return nodes;
  }
};

TEST_F(MemoryStatsTest, AFreshHeapHasZeroes) {
  const HeapStats stats = heap().Stats();
  EXPECT_EQ(stats.cycles + stats.live_bytes + stats.allocated_bytes + stats.external_bytes, 0u);
  EXPECT_EQ(stats.heap_bytes + stats.cells_cleared + stats.records_registered, 0u);
  EXPECT_EQ(stats.marking.total_ns + stats.clearing.max_ns + stats.sweeping.last_ns, 0u);
  for (const HandshakeStats& each : stats.handshakes) {
    EXPECT_EQ(each.answers, 0u);
  }
}

TEST_F(MemoryStatsTest, LiveBytesAreThoseOfTheLastCycle) {
  std::vector<Persistent<Node>> nodes = NoInline([] { return MakeMany(1000); });
  EXPECT_EQ(heap().Stats().live_bytes, 0u);
  CollectPrecisely();
  EXPECT_EQ(heap().Stats().live_bytes, 1000 * sizeof(Node));
  nodes.resize(400);
  EXPECT_EQ(heap().Stats().live_bytes, 1000 * sizeof(Node));
  CollectPrecisely();
  EXPECT_EQ(heap().Stats().live_bytes, 400 * sizeof(Node));
  nodes.clear();
  CollectPrecisely();
  EXPECT_EQ(heap().Stats().live_bytes, 0u);
}

// A mutator that leaves takes off what it has claimed and not used: nothing has been allocated
// then, which is not less than nothing.
TEST_F(MemoryStatsTest, WhoLeavesMakesNoCycleCountMoreThanThereIs) {
  Detach();
  std::vector<std::uint64_t> counts;
  heap().SetObserver([&](const HeapEvent& event) {
    if (event.kind == Kind::kCycleStarted) counts.push_back(event.count);
  });
  {
    Mutator mutator(heap());
    mutator.Make<Node>();             // claims cells for many
    mutator.MakeArray<int>(100'000);  // counts all that is claimed
    heap().Collect();                 // takes the cells off, which nobody has counted yet
  }
  const std::uint64_t before = heap().Stats().allocated_bytes;
  heap().Collect();
  heap().Collect();
  heap().SetObserver(nullptr);
  ASSERT_EQ(counts.size(), 3u);
  EXPECT_GE(counts[0], 400'000u);
  EXPECT_LT(counts[1], 1'000'000u);
  EXPECT_EQ(counts[2], 0u);
  EXPECT_LT(before, 1'000'000u);
}

// Whoever reads beside a cycle sees what the last one found, or what this one has.
TEST_F(MemoryStatsTest, FiguresOfTheLastCycleAreNeverBetweenTwo) {
  const std::vector<Persistent<Node>> nodes = NoInline([] { return MakeMany(100); });
  CollectPrecisely();
  const std::uint64_t live = heap().Stats().live_bytes;
  std::atomic<bool> stop{false};
  std::thread collecting([&] {
    while (!stop) heap().Collect();
  });
  std::uint64_t torn = 0;
  const std::uint64_t first = heap().Stats().cycles;
  {
    const BlockingRegion region(mutator());
    while (heap().Stats().cycles < first + 300) {
      const HeapStats stats = heap().Stats();
      torn += stats.live_bytes != live || stats.marking.last_ns == 0 ? 1 : 0;
    }
    stop = true;
    collecting.join();
  }
  EXPECT_EQ(torn, 0u);
}

// Up to what the mutator has not used up of the blocks that it has claimed.
TEST_F(MemoryStatsTest, AllocatedBytesOnlyGrow) {
  constexpr std::size_t kSlack = 256 << 10;
  std::uint64_t before = 0;
  for (std::size_t i = 1; i <= 5; i++) {
    NoInline([] { MakeMany(20'000); });
    CollectPrecisely();
    const std::uint64_t now = heap().Stats().allocated_bytes;
    EXPECT_GE(now + kSlack, i * 20'000 * sizeof(Node));
    EXPECT_LE(now, i * 20'000 * sizeof(Node) + kSlack);
    EXPECT_GT(now, before);
    before = now;
  }
  MakeArray<char>(10'000'000);
  EXPECT_GE(heap().Stats().allocated_bytes, before + 10'000'000);
}

TEST_F(MemoryStatsTest, CyclesAndAnswersAreCounted) {
  for (std::uint64_t i = 1; i <= 10; i++) {
    heap().Collect();
    const HeapStats stats = heap().Stats();
    EXPECT_EQ(stats.cycles, i);
    EXPECT_GE(stats.handshakes[0].answers, i);
    EXPECT_EQ(stats.handshakes[1].answers, i);
    EXPECT_GE(stats.handshakes[2].answers, i);
    EXPECT_EQ(stats.handshakes[3].answers, i);
  }
  const BlockingRegion region(mutator());
  std::thread([this] {
    const Mutator guest(heap());
    const HeapStats before = heap().Stats();
    heap().Collect();
    EXPECT_EQ(heap().Stats().handshakes[1].answers, before.handshakes[1].answers + 2);
  }).join();
}

TEST_F(MemoryStatsTest, TimesAreInOrder) {
  const std::vector<Persistent<Node>> nodes = MakeMany(10'000);
  for (int i = 0; i < 20; i++) heap().Collect();
  const HeapStats stats = heap().Stats();
  for (const HandshakeStats& each : stats.handshakes) {
    EXPECT_LE(each.delay_p50_ns, each.delay_p99_ns);
    EXPECT_LE(each.delay_p99_ns, each.delay_p999_ns);
    EXPECT_LE(each.delay_p999_ns, each.delay_max_ns);
    EXPECT_GT(each.latency_max_ns, 0u);
  }
  for (const PhaseStats& each : {stats.marking, stats.clearing, stats.sweeping}) {
    EXPECT_GT(each.last_ns, 0u);
    EXPECT_LE(each.last_ns, each.max_ns);
    EXPECT_LE(each.max_ns, each.total_ns);
    EXPECT_LE(each.total_ns, 20 * each.max_ns);
  }
}

TEST_F(MemoryStatsTest, ClearedCellsAreCounted) {
  const Persistent<Node> holder = Make<Node>();
  std::vector<WeakPersistent<Node>> weak;
  NoInline([&] {
    holder->weak = Make<Node>();
    for (int i = 0; i < 9; i++) weak.emplace_back(Make<Node>());
  });
  CollectPrecisely();
  EXPECT_EQ(heap().Stats().cells_cleared, 10u);
  CollectPrecisely();
  EXPECT_EQ(heap().Stats().cells_cleared, 10u);
}

// A native buffer of each object: told in portions, the heap collects as if it had allocated it.
TEST_F(MemoryStatsTest, ExternalBytesDriveCycles) {
  heap().AdjustExternalBytes(1000);
  EXPECT_EQ(heap().Stats().external_bytes, 1000u);
  heap().AdjustExternalBytes(-1000);
  EXPECT_EQ(heap().Stats().external_bytes, 0u);
  constexpr std::ptrdiff_t kPortion = 1 << 20;
  const std::uint64_t before = heap().Stats().cycles;
  std::ptrdiff_t told = 0;
  for (int i = 0; i < 1'000'000 && heap().Stats().cycles < before + 3; i++) {
    heap().AdjustExternalBytes(kPortion);
    told += kPortion;
    mutator().Safepoint();
  }
  EXPECT_GE(heap().Stats().cycles, before + 3);
  EXPECT_EQ(heap().Stats().external_bytes, static_cast<std::uint64_t>(told));
  heap().AdjustExternalBytes(-told);
  EXPECT_EQ(heap().Stats().external_bytes, 0u);
}

TEST_F(MemoryStatsTest, ExternalBytesMayBeToldFromAnyThread) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([this] {
      for (int i = 0; i < 1000; i++) heap().AdjustExternalBytes(i % 2 == 0 ? 3000 : -2000);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(heap().Stats().external_bytes, 4u * 500 * 1000);
}

// ---- events ----

class Log {
 public:
  void Add(const HeapEvent& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
    threads_.push_back(std::this_thread::get_id());
    finished_ += event.kind == Kind::kCycleFinished ? 1 : 0;
    changed_.notify_all();
  }
  // All events, once so many cycles have finished.
  std::vector<HeapEvent> Await(int finished) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return finished_ >= finished; });
    return events_;
  }
  bool Contains(std::thread::id thread) {
    const std::lock_guard lock(mutex_);
    return std::find(threads_.begin(), threads_.end(), thread) != threads_.end();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<HeapEvent> events_;
  std::vector<std::thread::id> threads_;
  int finished_ = 0;
};

std::vector<Kind> KindsOf(const std::vector<HeapEvent>& events) {
  std::vector<Kind> kinds;
  for (const HeapEvent& each : events) kinds.push_back(each.kind);
  return kinds;
}

TEST_F(MemoryStatsTest, EventsComeInOrder) {
  Log log;
  const auto registry = Persistent(Make<FinalizationRegistry<int>>([](int) {}));
  heap().SetObserver([&log](const HeapEvent& event) { log.Add(event); });
  NoInline([&] { EXPECT_TRUE(registry->Register(Make<Node>(), 1).ok()); });
  CollectPrecisely();
  heap().Collect();
  log.Await(2);
  heap().SetObserver(nullptr);
  heap().Collect();
  const std::vector<HeapEvent> events = log.Await(2);
  EXPECT_THAT(
      KindsOf(events),
      ElementsAre(Kind::kCycleStarted, Kind::kFlipped, Kind::kRecordsQueued, Kind::kCycleFinished,
                  Kind::kCycleStarted, Kind::kFlipped, Kind::kCycleFinished));
  ASSERT_EQ(events.size(), 7u);
  for (std::size_t i = 0; i < 7; i++) {
    EXPECT_EQ(events[i].cycle, i < 4 ? 1u : 2u);
  }
  EXPECT_EQ(events[1].count, 0u);  // resurrections
  EXPECT_EQ(events[2].count, 1u);  // records
  EXPECT_FALSE(log.Contains(std::this_thread::get_id()));
}

TEST_F(MemoryStatsTest, EventsCarryTheirFigures) {
  Log log;
  const std::vector<Persistent<Node>> nodes = NoInline([] { return MakeMany(10'000); });
  heap().SetObserver([&log](const HeapEvent& event) { log.Add(event); });
  CollectPrecisely();
  const std::vector<HeapEvent> events = log.Await(1);
  heap().SetObserver(nullptr);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_GE(events[0].count + (256 << 10), 10'000 * sizeof(Node));  // allocated
  EXPECT_EQ(events[2].count, 10'000 * sizeof(Node));                // alive
}

TEST_F(MemoryStatsTest, WeakReadsWhileMarkingAreCountedByTheFlip) {
  Log log;
  std::vector<WeakPersistent<Node>> weak;
  {
    const BlockingRegion region(mutator());
    std::thread([&] {
      const Mutator guest(heap());
      for (int i = 0; i < 3; i++) weak.emplace_back(Make<Node>());
    }).join();
  }
  CycleStepper stepper(heap());
  heap().SetObserver([&log](const HeapEvent& event) { log.Add(event); });
  stepper.AdvanceTo(CycleStep::kStacksScanned);
  for (const WeakPersistent<Node>& each : weak) {
    EXPECT_NE(each.Get(), nullptr);
  }
  stepper.FinishCycle();
  const std::vector<HeapEvent> events = log.Await(1);
  heap().SetObserver(nullptr);
  ASSERT_GE(events.size(), 2u);
  EXPECT_EQ(events[1].kind, Kind::kFlipped);
  EXPECT_EQ(events[1].count, 3u);
}

// ---- options ----

TEST(MemoryOptionsTest, OptionsThatMakeNoSenseAreRefused) {
  EXPECT_THROW(Heap({.marker_threads = -1}), std::invalid_argument);
  EXPECT_THROW(Heap({.handshake_warning = std::chrono::milliseconds(0)}), std::invalid_argument);
  EXPECT_THROW(Heap({.handshake_warning = std::chrono::milliseconds(-1)}), std::invalid_argument);
  EXPECT_THROW(Heap({.growth_factor = 1.0}), std::invalid_argument);
  EXPECT_THROW(Heap({.growth_factor = 0.5}), std::invalid_argument);
  EXPECT_THROW(Heap({.growth_factor = 0.0}), std::invalid_argument);
  EXPECT_THROW(Heap({.growth_factor = -2.0}), std::invalid_argument);
  EXPECT_THROW(Heap({.growth_factor = std::nan("")}), std::invalid_argument);
  EXPECT_THROW(Heap({.growth_factor = std::numeric_limits<double>::infinity()}),
               std::invalid_argument);
}

TEST(MemoryOptionsTest, MoreThanTheAddressSpaceIsRefused) {
  EXPECT_THROW(Heap({.max_heap_bytes = std::numeric_limits<std::size_t>::max()}), std::bad_alloc);
  EXPECT_THROW(Heap({.max_heap_bytes = std::numeric_limits<std::size_t>::max() / 2}),
               std::bad_alloc);
  EXPECT_THROW(Heap({.max_heap_bytes = std::size_t{1} << 62}), std::bad_alloc);
}

// A heap at the edge of what makes sense works.
TEST(MemoryOptionsTest, ExtremesWork) {
  for (const HeapOptions& options :
       {HeapOptions{}, HeapOptions{.initial_heap_bytes = 0},
        HeapOptions{.initial_heap_bytes = std::numeric_limits<std::size_t>::max()},
        HeapOptions{.max_heap_bytes = 1 << 20, .initial_heap_bytes = 1 << 30},
        HeapOptions{.growth_factor = 1.0000001}, HeapOptions{.growth_factor = 1e9},
        HeapOptions{.growth_factor = std::numeric_limits<double>::max()},
        HeapOptions{.marker_threads = 16}, HeapOptions{.verify = true},
        HeapOptions{.handshake_warning = std::chrono::milliseconds::max()}}) {
    Heap heap(options);
    const Mutator mutator(heap);
    const Persistent<Node> kept = Make<Node>();
    kept->value = 5;
    for (int i = 0; i < 100'000; i++) Make<Node>();
    heap.Collect(StackState::kNoPointers);
    EXPECT_EQ(kept->value, 5);
    EXPECT_EQ(heap.Stats().live_bytes, sizeof(Node));
    const std::uint64_t cycles = heap.Stats().cycles;
    for (int i = 0; i < 100; i++) Make<Node>();
    heap.Collect(StackState::kNoPointers);
    EXPECT_LE(heap.Stats().cycles, cycles + 2);
  }
}

// More than there is address space: refused, or at least no harm.
TEST_F(MemoryStatsTest, ExternalBytesBeyondAllMeasure) {
  constexpr std::ptrdiff_t kMost = std::numeric_limits<std::ptrdiff_t>::max();
  using Registry = FinalizationRegistry<int>;
  const Persistent<Registry> registry = Make<Registry>([](int) {});
  const Persistent<Array<int>> target = MakeArray<int>(1);
  heap().AdjustExternalBytes(1000);
  for (const std::size_t bytes :
       {std::size_t{kMost} + 1, std::numeric_limits<std::size_t>::max()}) {
    const absl::Status status = registry->Register(target, 1, {.external_bytes = bytes});
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_EQ(heap().Stats().external_bytes, 1000u);
  }
  for (int i = 0; i < 3; i++) heap().AdjustExternalBytes(kMost);
  CollectPrecisely();
  MakeArray<char>(1000);
  for (int i = 0; i < 3; i++) heap().AdjustExternalBytes(-kMost);
  CollectPrecisely();
  EXPECT_EQ(heap().Stats().external_bytes, 1000u);
}

}  // namespace
}  // namespace elegy::test
