// Heaps that live to the end of the program, and are destroyed among its other static objects.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

// Tells standard error of its death.
class Speaker {
 public:
  explicit Speaker(std::string name) : name_(std::move(name)) {}
  ~Speaker() { std::fprintf(stderr, "%s destroyed; ", name_.c_str()); }
  void Trace(Visitor& visitor) const { visitor.Trace(next); }

  Member<Speaker> next;

 private:
  std::string name_;
};

using Registry = FinalizationRegistry<int>;

// A handle that is destroyed after the heap, and one before it.
[[noreturn]] void ExitWithAStaticHeap() {
  static Persistent<Speaker> outlives;
  static WeakPersistent<Speaker> outlives_weakly;
  static Heap heap(TestOptions());
  static Persistent<Registry> registry;
  {
    const Mutator mutator(heap);
    outlives = Make<Speaker>("kept");
    outlives_weakly = outlives.get();
    registry = Make<Registry>([](int) { std::fprintf(stderr, "called; "); });
    NoInline([] { EXPECT_TRUE(registry->Register(Make<Speaker>("dead"), 1).ok()); });
    heap.Collect(StackState::kNoPointers);
  }
  std::fprintf(stderr, "exits; ");
  std::exit(heap.Stats().records_queued == 1 ? 0 : 1);
}

TEST(HeapExitTest, AStaticHeapIsDestroyedAtExit) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(ExitWithAStaticHeap(), ::testing::ExitedWithCode(0),
              "^dead destroyed; exits; kept destroyed; $");
}

[[noreturn]] void ExitInTheMiddleOfCycles() {
  static Heap heap(TestOptions());
  std::thread([] {
    const Mutator mutator(heap);
    for (int i = 0; i < 1000; i++) {
      Make<Speaker>("")->next = nullptr;
      if (i % 10 == 0) heap.RequestCollection();
    }
  }).join();
  heap.RequestCollection();
  std::exit(0);
}

class Copier {
 public:
  explicit Copier(Copier* other) : handle_(other) {}
  ~Copier() {
    const Persistent<Copier> copy(handle_);
    Persistent<Copier> assigned;
    assigned = handle_;
    reads_alike += copy.get() == handle_.get() && assigned.get() == handle_.get() ? 1 : 0;
  }
  void Trace(Visitor&) const {}

  static inline std::atomic<int> reads_alike{0};

 private:
  const Persistent<Copier> handle_;
};

// As in any destructor; what it has copied reads null once the heap is gone.
TEST(HeapExitTest, ADestructorMayCopyHandlesAtTheHeapsEnd) {
  Copier::reads_alike = 0;
  {
    Heap heap(TestOptions());
    const Mutator mutator(heap);
    Make<Copier>(Make<Copier>(nullptr));
  }
  EXPECT_EQ(Copier::reads_alike, 2);
}

TEST(HeapExitTest, AStaticHeapMayBeInTheMiddleOfACycle) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(ExitInTheMiddleOfCycles(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace elegy::test
