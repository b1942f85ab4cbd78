// What the stress tests share: seeds, random numbers, threads, cycles back to back, and objects
// that tell when they have been freed too early.

#ifndef ELEGY_TESTS_SUPPORT_STRESS_H_
#define ELEGY_TESTS_SUPPORT_STRESS_H_

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/last_store.h"

namespace elegy::test {

// ELEGY_TEST_SEED from the environment, or a new one; the same for the whole process.
std::uint64_t TestSeed();

// From now on, in a build with ELEGY_CHAOS, threads are delayed at points of the collector's
// protocols that the test's seed chooses (src/base/chaos.h).
void StartTestChaos();

bool UnderThreadSanitizer();

// So many iterations, or a share of them under a sanitizer.
std::size_t Scaled(std::size_t iterations);

// Small, fast, and repeatable from the test's seed and a stream's number.
class Random {
 public:
  explicit Random(std::uint64_t stream) : state_(TestSeed() + stream * 0x9E3779B97F4A7C15) {}

  std::uint64_t Next();
  std::size_t Below(std::size_t limit) { return static_cast<std::size_t>(Next() % limit); }
  bool OneIn(std::size_t n) { return Below(n) == 0; }

 private:
  std::uint64_t state_;
};

// Runs body(0) to body(threads - 1), each on a thread of its own that is not attached to a heap,
// and joins them. Failures inside name the seed. The caller must not be attached, or be blocked.
void RunThreads(int threads, const std::function<void(int)>& body);

// Cycles back to back on a thread of its own, for its lifetime.
//
// Who stresses the collector works for a number of cycles: `while (cycles.GoOn(n, random))`.
class BackToBackCycles {
 public:
  explicit BackToBackCycles(Heap& heap);
  BackToBackCycles(const BackToBackCycles&) = delete;
  BackToBackCycles& operator=(const BackToBackCycles&) = delete;
  ~BackToBackCycles();

  // False after so many cycles. Now and then lets another thread run, so that the collector comes
  // along also where there are more threads than cores.
  bool GoOn(std::size_t cycles, Random& random) const {
    if (random.OneIn(kYieldEvery)) std::this_thread::yield();
    return finished_ < cycles;
  }

 private:
  static constexpr std::size_t kYieldEvery = 16;

  std::atomic<std::size_t> finished_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// A value that is right while its owner lives: a destroyed or overwritten one is not.
class Canary {
 public:
  explicit Canary(std::uint64_t id) : id_(id), check_(CheckOf(id)) {}

  // The id, or 0 if the memory is no longer this object's.
  std::uint64_t id() const { return check_ == CheckOf(id_) ? id_ : 0; }
  // For destructors.
  void Kill() {
    LastStore(id_, kDead);
    LastStore(check_, kDead);
  }

 private:
  static constexpr std::uint64_t kDead = 0xDEAD;
  static std::uint64_t CheckOf(std::uint64_t id) { return id * 0xD6E8FEB86659FD93 + 0x5851; }

  std::uint64_t id_;
  std::uint64_t check_;
};

// Objects made and destroyed: equal once all are dead. The figures live as long as the objects,
// which a heap may destroy after the test that has made them.
class Census {
 private:
  struct Figures {
    std::atomic<std::uint64_t> made{0};
    std::atomic<std::uint64_t> destroyed{0};
  };
  std::shared_ptr<Figures> figures_ = std::make_shared<Figures>();

 public:
  Census() = default;
  Census(const Census&) = delete;
  Census& operator=(const Census&) = delete;

  std::atomic<std::uint64_t>& made = figures_->made;
  std::atomic<std::uint64_t>& destroyed = figures_->destroyed;

 private:
  friend class Counted;
};

// A canary that counts itself and dies visibly.
class Counted {
 public:
  Counted(std::uint64_t id, const Census& census) : canary_(id), figures_(census.figures_) {
    figures_->made++;
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() {
    canary_.Kill();
    figures_->destroyed++;
  }

  std::uint64_t id() const { return canary_.id(); }

 private:
  Canary canary_;
  std::shared_ptr<Census::Figures> figures_;
};

// Overwrites what earlier calls have left below this thread's stack pointer.
void ScrubStack();

// A heap whose main thread is not attached, with chaos; says the seed.
class StressTest : public ::testing::Test {
 public:
  explicit StressTest(HeapOptions options = {}) : heap_(TestOptions(options)) { StartTestChaos(); }

  Heap& heap() { return heap_; }
  // Collects what nothing refers to any more. The test's threads have detached.
  void CollectEverything() {
    for (int i = 0; i < 3; i++) heap_.Collect();
  }

 private:
  ::testing::ScopedTrace trace_{__FILE__, __LINE__,
                                "ELEGY_TEST_SEED=" + std::to_string(TestSeed())};
  Heap heap_;
};

}  // namespace elegy::test

namespace elegy {
template <>
inline constexpr bool kHasNoSlots<test::Canary> = true;
template <>
inline constexpr bool kHasNoSlots<test::Counted> = true;
}  // namespace elegy

#endif  // ELEGY_TESTS_SUPPORT_STRESS_H_
