// Several threads and one registry: each record is delivered once, or cancelled, never both.

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

using Registry = FinalizationRegistry<int>;

struct Node {
  int value = 0;
};

class RegistryRaceTest : public HeapTest {
 public:
  RegistryRaceTest() : registry(NewRegistry()) {}

  Persistent<Registry> NewRegistry() {
    RegistryOptions options;
    options.run_on = RegistryOptions::RunOn::kAnyMutator;
    return Persistent(Make<Registry>([this](int held) { delivered[held]++; }, std::move(options)));
  }

  // Runs the bodies, each on an attached thread of its own, and beside them cycle after cycle.
  void RunWithCycles(const std::vector<std::function<void(Mutator&)>>& bodies) {
    BlockingRegion region(mutator());
    std::atomic<std::size_t> running{bodies.size()};
    std::vector<std::thread> threads;
    for (const auto& body : bodies) {
      threads.emplace_back([this, &body, &running] {
        Mutator attached(heap());
        body(attached);
        running--;
      });
    }
    while (running > 0) heap().Collect();
    for (std::thread& thread : threads) thread.join();
  }
  // What is left dies and is delivered.
  void Finish() {
    CollectPrecisely();
    mutator().Safepoint();
    const HeapStats stats = heap().Stats();
    EXPECT_EQ(stats.records_registered,
              stats.records_delivered + stats.records_cancelled + stats.records_dropped);
  }
  // As counted here, and by the heap.
  void ExpectEachDeliveredOrCancelledOnce() {
    std::uint64_t ran = 0;
    std::uint64_t taken_back = 0;
    for (std::size_t i = 0; i < kRecords; i++) {
      ASSERT_EQ(delivered[i] + cancelled[i], 1) << i;
      ran += delivered[i];
      taken_back += cancelled[i];
    }
    const HeapStats stats = heap().Stats();
    EXPECT_EQ(stats.records_delivered, ran);
    EXPECT_EQ(stats.records_cancelled, taken_back);
    EXPECT_EQ(stats.records_dropped, 0u);
  }

  static constexpr std::size_t kRecords = 12'000;

  std::vector<std::atomic<int>> delivered = std::vector<std::atomic<int>>(kRecords);
  std::vector<std::atomic<int>> cancelled = std::vector<std::atomic<int>>(kRecords);
  Persistent<Registry> registry;
};

// A window of tokens whose targets have died some time ago: living, queued, running or delivered.
class Window {
 public:
  explicit Window(std::size_t size) : entries_(size) {}

  // Puts in a new entry and returns the one that was longest in.
  std::pair<int, Persistent<Node>> Exchange(int id, Node* token) {
    auto& entry = entries_[next_++ % entries_.size()];
    return std::exchange(entry, {id, Persistent<Node>(token)});
  }

 private:
  std::vector<std::pair<int, Persistent<Node>>> entries_;
  std::size_t next_ = 0;
};

TEST_F(RegistryRaceTest, RegisterUnregisterAndDieWhileCyclesRun) {
  const auto work = [&](int begin, int end) {
    return [=, this](Mutator& mine) {
      std::minstd_rand random(static_cast<unsigned>(begin + 1));
      Window window(64);
      for (int i = begin; i < end; i++) {
        auto* const token = Make<Node>(i);
        EXPECT_TRUE(registry->Register(Make<Node>(i), i, token).ok());
        const auto [old, old_token] = window.Exchange(i, token);
        if (old_token != nullptr && random() % 2 == 0) {
          if (*registry->Unregister(old_token)) cancelled[old]++;
        }
        if (i % 16 == 0) mine.EndTurn();
      }
    };
  };
  const int half = kRecords / 2;
  RunWithCycles({work(0, half), work(half, kRecords)});
  Finish();
  ExpectEachDeliveredOrCancelledOnce();
}

TEST_F(RegistryRaceTest, HandlesAgainstDelivery) {
  const auto work = [&](int begin, int end) {
    return [=, this](Mutator& mine) {
      std::vector<Registration> handles(64);
      for (int i = begin; i < end; i++) {
        Registration handle = *registry->Track(Make<Node>(i), i);
        std::swap(handle, handles[i % 64]);
        const int old = i - 64;
        if (old >= begin && i % 3 == 0 && handle.Cancel()) cancelled[old]++;
        // One way or the other it runs once.
        if (old >= begin && i % 3 == 1) handle.RunNow();
        if (i % 16 == 0) mine.EndTurn();
      }
    };
  };
  const int half = kRecords / 2;
  RunWithCycles({work(0, half), work(half, kRecords)});
  Finish();
  ExpectEachDeliveredOrCancelledOnce();
}

// Two threads share their tokens: of all who unregister one, one is told that it was found.
TEST_F(RegistryRaceTest, TwoThreadsUnregisterTheSameToken) {
  constexpr int kTokens = 3000;
  const Persistent<Array<Member<Node>>> tokens(MakeArray<Member<Node>>(kTokens));
  NoInline([&] {
    for (int i = 0; i < kTokens; i++) {
      (*tokens)[i] = Make<Node>(i);
      ASSERT_TRUE(registry->Register(Make<Node>(i), i, (*tokens)[i]).ok());
    }
  });
  const auto work = [&](Mutator& mine) {
    for (int i = 0; i < kTokens; i++) {
      if (*registry->Unregister((*tokens)[i])) cancelled[i]++;
      if (i % 64 == 0) mine.EndTurn();
    }
  };
  RunWithCycles({work, work, [](Mutator& mine) {
                   for (int i = 0; i < 200; i++) mine.Safepoint();
                 }});
  Finish();
  for (int i = 0; i < kTokens; i++) ASSERT_EQ(delivered[i] + cancelled[i], 1) << i;
}

// Every thread makes registries of its own, uses them a little and drops them.
TEST_F(RegistryRaceTest, RegistriesComeAndGoWhileCyclesRun) {
  constexpr int kRegistries = 300;
  constexpr int kOfEach = 10;
  const auto work = [&](int begin) {
    return [=, this](Mutator& mine) {
      for (int i = 0; i < kRegistries; i++) {
        const Persistent<Registry> own = NewRegistry();
        for (int j = 0; j < kOfEach; j++) {
          EXPECT_TRUE(own->Register(Make<Node>(j), begin + i * kOfEach + j).ok());
        }
        mine.EndTurn();
      }
    };
  };
  RunWithCycles({work(0), work(kRegistries * kOfEach)});
  Finish();
  // Their registries had died with the others.
  std::uint64_t ran = 0;
  for (const auto& count : delivered) {
    ASSERT_LE(count, 1);
    ran += count;
  }
  const HeapStats stats = heap().Stats();
  EXPECT_EQ(stats.records_registered, 2u * kRegistries * kOfEach);
  EXPECT_EQ(stats.records_delivered, ran);
}

// Whose home has detached, and whose callbacks run wherever, while registrations go on.
TEST_F(RegistryRaceTest, HomesComeAndGoWhileOthersRegister) {
  constexpr int kHomes = 60;
  constexpr int kOfEach = 20;
  std::vector<Persistent<Registry>> registries(kHomes);
  std::atomic<int> made{0};
  const auto coming_and_going = [&](Mutator& host) {
    BlockingRegion region(host);
    for (auto& each : registries) {
      std::thread([&] {
        Mutator home(heap());
        each = Make<Registry>([this](int held) { delivered[held]++; });
        made++;
        for (int i = 0; i < 10; i++) home.Safepoint();
      }).join();
    }
  };
  const auto registering = [&](Mutator& mine) {
    for (int i = 0; i < kHomes; i++) {
      while (made <= i) mine.Safepoint();
      for (int j = 0; j < kOfEach; j++) {
        EXPECT_TRUE(registries[i]->Register(Make<Node>(j), i * kOfEach + j).ok());
        mine.EndTurn();
      }
    }
  };
  RunWithCycles({coming_and_going, registering});
  Finish();
  for (int i = 0; i < kHomes * kOfEach; i++) ASSERT_EQ(delivered[i], 1) << i;
}

// The last handle goes, and two cycles with it, while a callback runs on another thread.
TEST_F(RegistryRaceTest, RegistryIsDroppedWhileItsCallbackRunsElsewhere) {
  auto sentinel = std::make_shared<int>(7);
  const std::weak_ptr<int> watch = sentinel;
  std::latch running(1);
  std::latch dropped(1);
  std::atomic<int> seen{0};
  RegistryOptions options;
  options.run_on = RegistryOptions::RunOn::kAnyMutator;
  registry = Make<Registry>(
      [&, sentinel](int held) {
        BlockingRegion region(Mutator::Current());
        running.count_down();
        dropped.wait();
        seen = *sentinel + held;
      },
      std::move(options));
  sentinel = nullptr;
  NoInline([&] { ASSERT_TRUE(registry->Register(Make<Node>(), 10).ok()); });
  mutator().EndTurn(StackState::kNoPointers);
  heap().Collect(StackState::kNoPointers);
  std::thread other([&] {
    Mutator attached(heap());
    EXPECT_EQ(attached.DrainFinalization(), 1u);
  });
  {
    BlockingRegion region(mutator());
    running.wait();
  }
  registry = nullptr;
  CollectPrecisely();
  CollectPrecisely();
  EXPECT_FALSE(watch.expired());
  dropped.count_down();
  {
    BlockingRegion region(mutator());
    other.join();
  }
  EXPECT_EQ(seen, 17);
  CollectPrecisely();
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace elegy::test
