// A heap whose threads do not start is not made, and leaves nothing behind.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <thread>

#include "elegy/elegy.h"
#include "tests/faults/faults.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

struct Node {
  std::int64_t value = 0;
};

std::ptrdiff_t ThreadsOfThisProcess() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

// ThreadSanitizer starts one of its own beside the first.
std::ptrdiff_t ThreadsAtRest() {
#if defined(__SANITIZE_THREAD__)
  return 2;
#else
  return 1;
#endif
}

// One that has been joined may be seen a moment longer.
void AwaitThreads(std::ptrdiff_t count) {
  while (ThreadsOfThisProcess() > count) std::this_thread::yield();
}

constexpr int kThreads = 4;  // the collector's, and the markers beside it

TEST(ThreadFaultsTest, WithoutAThreadThereIsNoHeap) {
  const std::ptrdiff_t before = ThreadsAtRest();
  for (std::size_t n = 1; n <= kThreads; n++) {
    FailThreadStart(n);
    EXPECT_THROW(Heap(TestOptions({.marker_threads = kThreads})), std::system_error);
    AwaitThreads(before);
  }
  Heap heap(TestOptions({.marker_threads = kThreads}));
  const Mutator mutator(heap);
  const Persistent<Node> node = Make<Node>(7);
  heap.Collect(StackState::kNoPointers);
  EXPECT_EQ(node->value, 7);
}

TEST(ThreadFaultsTest, AfterForkMayBeCalledAgain) {
  const std::ptrdiff_t before = ThreadsAtRest();
  Heap heap(TestOptions({.marker_threads = kThreads}));
  const Mutator mutator(heap);
  const Persistent<Node> node = Make<Node>(7);
  for (std::size_t n = 1; n <= kThreads; n++) {
    ASSERT_TRUE(heap.PrepareFork().ok());
    AwaitThreads(before);
    FailThreadStart(n);
    EXPECT_THROW(heap.AfterFork(), std::system_error);
    AwaitThreads(before);
    heap.AfterFork();
    heap.Collect(StackState::kNoPointers);
    EXPECT_EQ(node->value, 7);
  }
}

}  // namespace
}  // namespace elegy::test
