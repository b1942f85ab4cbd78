// Compiled only into builds with ELEGY_CHAOS.

#include "src/base/chaos.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

#include "elegy/internal/mutex.h"

namespace elegy::internal {

namespace {

// A point delays one of so many passages; 0: none.
constexpr std::array<std::uint64_t, 4> kRates = {0, 512, 64, 8};

// A thread that has been delayed so often is delayed half as often from then on, and so on: what
// chaos costs a test is bounded, and yet it does not end.
constexpr std::uint64_t kDelaysUntilHalved = 300;
constexpr std::uint64_t kMostHalvings = 20;
constexpr std::uint64_t kLongestSpin = 1 << 16;  // turns of an empty loop: some microseconds
constexpr std::uint64_t kLongestSleepUs = 200;

std::atomic<std::uint64_t> g_seed{0};
std::atomic<std::uint64_t> g_starts{0};
std::atomic<std::uint64_t> g_threads{0};

std::uint64_t Mix(std::uint64_t z) {  // splitmix64's
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

struct ThreadChaos {
  std::uint64_t start = 0;
  std::uint64_t seed = 0;
  std::uint64_t state = 0;
  std::uint64_t delays = 0;

  std::uint64_t Next() { return Mix(state += 0x9E3779B97F4A7C15); }
};

constinit thread_local ThreadChaos t_chaos;

void Delay(std::uint64_t choice) {
  const std::uint64_t length = choice / 8;
  switch (choice % 8) {
    case 0:
      std::this_thread::sleep_for(std::chrono::microseconds(length % kLongestSleepUs));
      return;
    case 1:
      return std::this_thread::yield();
    default:
      for (std::uint64_t i = length % kLongestSpin; i > 0; i--) asm volatile("");
  }
}

// What AtNextPassage was told. The point alone is read without the lock; 0: none.
std::atomic<std::uint64_t> g_act_point{0};
Mutex g_act_mutex;
void (*g_act)(void*) ELEGY_GUARDED_BY(g_act_mutex) = nullptr;
void* g_act_context ELEGY_GUARDED_BY(g_act_mutex) = nullptr;

void ActAt(std::uint64_t point) {
  void (*act)(void*);
  void* context;
  {
    MutexLock lock(g_act_mutex);
    // Relaxed: changed under the lock alone.
    if (g_act_point.load(std::memory_order_relaxed) != point) return;
    g_act_point.store(0, std::memory_order_relaxed);  // as above
    act = g_act;
    context = g_act_context;
  }
  act(context);
}

}  // namespace

bool AtNextPassage(std::uint64_t point, void (*act)(void*), void* context) {
  MutexLock lock(g_act_mutex);
  g_act = act;
  g_act_context = context;
  // Relaxed: who finds the point looks again under the lock.
  return g_act_point.exchange(act == nullptr ? 0 : point, std::memory_order_relaxed) != 0;
}

// Release: who sees the new start sees its seed.
void StartChaos(std::uint64_t seed) {
  g_seed.store(seed, std::memory_order_relaxed);     // as above
  g_threads.store(0, std::memory_order_relaxed);     // as above
  g_starts.fetch_add(1, std::memory_order_release);  // as above
}

void PassChaosPoint(std::uint64_t point) {
  // Relaxed: see AtNextPassage.
  if (g_act_point.load(std::memory_order_relaxed) == point) [[unlikely]]
    ActAt(point);
  const std::uint64_t start = g_starts.load(std::memory_order_acquire);  // pairs with StartChaos
  if (start == 0) return;
  ThreadChaos& chaos = t_chaos;
  if (chaos.start != start) {
    const std::uint64_t seed = g_seed.load(std::memory_order_relaxed);  // ordered by the start
    // Relaxed: a number of its own, nothing more.
    const std::uint64_t number = g_threads.fetch_add(1, std::memory_order_relaxed);
    chaos = {start, seed, Mix(seed) + number, 0};
  }
  const std::uint64_t rate = kRates[Mix(chaos.seed ^ point) % kRates.size()];
  const std::uint64_t halvings = std::min(chaos.delays / kDelaysUntilHalved, kMostHalvings);
  if (rate == 0 || chaos.Next() % (rate << halvings) != 0) return;
  chaos.delays++;
  Delay(chaos.Next());
}

}  // namespace elegy::internal
