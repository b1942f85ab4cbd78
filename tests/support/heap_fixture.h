// What most tests start from: a heap and this thread's mutator.
//
// A test that must see something die makes it in a function of its own (NoInline) and collects with
// CollectPrecisely, so that no stale word on the stack keeps it alive.

#ifndef ELEGY_TESTS_SUPPORT_HEAP_FIXTURE_H_
#define ELEGY_TESTS_SUPPORT_HEAP_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <utility>

#include "elegy/elegy.h"

namespace elegy::test {

// The options that a test asks for; with ELEGY_TEST_VERIFY in the environment, verified.
inline HeapOptions TestOptions(HeapOptions options = {}) {
  if (std::getenv("ELEGY_TEST_VERIFY") != nullptr) options.verify = true;
  if (options.max_heap_bytes == 0) options.max_heap_bytes = std::size_t{1} << 30;
  return options;
}

// Calls f in a frame of its own, which is gone when it returns.
template <class F>
[[gnu::noinline]] auto NoInline(F&& f) {
  return std::forward<F>(f)();
}

class HeapTest : public ::testing::Test {
 public:
  explicit HeapTest(HeapOptions options = {}) : heap_(TestOptions(options)) {
    mutator_.emplace(heap_);
  }

  Heap& heap() { return heap_; }
  Mutator& mutator() { return *mutator_; }
  // Ends this thread's attachment before the test does.
  void Detach() { mutator_.reset(); }

  // Ends the turn and collects, with this thread's stack not scanned: what only locals of this
  // thread refer to dies.
  void CollectPrecisely() {
    mutator_->EndTurn(StackState::kNoPointers);
    heap_.Collect(StackState::kNoPointers);
  }

 private:
  Heap heap_;
  std::optional<Mutator> mutator_;
};

}  // namespace elegy::test

#endif  // ELEGY_TESTS_SUPPORT_HEAP_FIXTURE_H_
