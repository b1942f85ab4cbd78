#include "tests/support/stress.h"

#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "src/base/chaos.h"

namespace elegy::test {

namespace {

#if defined(__has_feature)
#define ELEGY_TEST_HAS_FEATURE(x) __has_feature(x)
#else
#define ELEGY_TEST_HAS_FEATURE(x) 0
#endif

#if defined(__SANITIZE_THREAD__) || ELEGY_TEST_HAS_FEATURE(thread_sanitizer)
#define ELEGY_TEST_THREAD_SANITIZER 1
constexpr std::size_t kShare = 12;
#elif defined(__SANITIZE_ADDRESS__) || ELEGY_TEST_HAS_FEATURE(address_sanitizer)
constexpr std::size_t kShare = 4;
#else
constexpr std::size_t kShare = 1;
#endif
#ifndef ELEGY_TEST_THREAD_SANITIZER
#define ELEGY_TEST_THREAD_SANITIZER 0
#endif

std::uint64_t ChooseSeed() {
  if (const char* const given = std::getenv("ELEGY_TEST_SEED")) {
    return std::strtoull(given, nullptr, 10);
  }
  return std::random_device()();
}

}  // namespace

std::uint64_t TestSeed() {
  static const std::uint64_t seed = ChooseSeed();
  return seed;
}

void StartTestChaos() { internal::StartChaos(TestSeed()); }

bool UnderThreadSanitizer() { return ELEGY_TEST_THREAD_SANITIZER != 0; }

std::size_t Scaled(std::size_t iterations) { return iterations < kShare ? 1 : iterations / kShare; }

std::uint64_t Random::Next() {  // splitmix64
  state_ += 0x9E3779B97F4A7C15;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

void RunThreads(int threads, const std::function<void(int)>& body) {
  std::vector<std::thread> team;
  for (int i = 0; i < threads; i++) {
    team.emplace_back([&body, i] {
      SCOPED_TRACE("ELEGY_TEST_SEED=" + std::to_string(TestSeed()) + ", thread " +
                   std::to_string(i));
      body(i);
    });
  }
  for (std::thread& thread : team) thread.join();
}

BackToBackCycles::BackToBackCycles(Heap& heap)
    : thread_([this, &heap] {
        while (!stop_) {
          heap.Collect();
          finished_++;
        }
      }) {}

BackToBackCycles::~BackToBackCycles() {
  stop_ = true;
  thread_.join();
}

[[gnu::noinline]] void ScrubStack() {
  char area[4096];
  std::memset(area, 0x5A, sizeof(area));
  asm volatile("" : : "r"(area) : "memory");
}

}  // namespace elegy::test
