// ELEGY_LOG=gc: a line on standard error for each cycle.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/stderr_pipe.h"

namespace elegy::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Node {
  std::int64_t value = 0;
};

// The environment has ELEGY_LOG while the heap is made.
class HeapLogTest : public ::testing::Test {
 protected:
  ~HeapLogTest() override { unsetenv("ELEGY_LOG"); }

  static void RunTwoCycles() {
    Heap heap(TestOptions());
    Mutator mutator(heap);
    const Persistent<Array<char>> kept = MakeArray<char>(std::size_t{3} << 20);
    const Persistent registry = Make<FinalizationRegistry<int>>([](int) {});
    const WeakPersistent<Node> weak = NoInline([&] {
      Node* const node = Make<Node>();
      EXPECT_TRUE(registry->Register(node, 1).ok());
      return WeakPersistent<Node>(node);
    });
    mutator.EndTurn(StackState::kNoPointers);
    for (int i = 0; i < 2; i++) heap.Collect(StackState::kNoPointers);
  }

  StderrPipe stderr_pipe_;
};

TEST_F(HeapLogTest, EachCycleSaysWhatItFoundAndHowLongItTook) {
  setenv("ELEGY_LOG", "gc", /*overwrite=*/1);
  RunTwoCycles();
  EXPECT_THAT(
      stderr_pipe_.AwaitLine("elegy: gc 1:"),
      AllOf(HasSubstr("mark "), HasSubstr("clear "), HasSubstr("sweep "), HasSubstr("live 3."),
            HasSubstr("1 cells cleared, 1 records queued"), HasSubstr("longest delay")));
  EXPECT_THAT(stderr_pipe_.AwaitLine("elegy: gc 2:"),
              AllOf(HasSubstr("live 3."), HasSubstr("0 cells cleared, 0 records queued")));
}

TEST_F(HeapLogTest, NothingIsSaidUnlessAskedFor) {
  setenv("ELEGY_LOG", "no", /*overwrite=*/1);
  RunTwoCycles();
  EXPECT_EQ(stderr_pipe_.CountLines("elegy: gc"), 0u);
}

}  // namespace
}  // namespace elegy::test
