// Registration::RunNow without memory for the call: what has not been called can be called, or
// cancelled, afterwards.

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "elegy/elegy.h"
#include "tests/faults/faults.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

struct Node {
  int value = 0;
};

using Registry = FinalizationRegistry<Member<Node>>;

class RunNowFaultsTest : public ::testing::Test {
 public:
  // Runs a registration with its n-th request for memory failing, for every n, in a heap of its own
  // each time. `then` sees the handle whenever that has thrown. The callback asks for memory, too.
  void ForEveryRequest(const std::function<void(Registration&)>& then) {
    bool struck = true;
    for (std::size_t n = 1; struck; n++) {
      SCOPED_TRACE("request " + std::to_string(n));
      calls = 0;
      Heap heap(TestOptions());
      const Mutator mutator(heap);
      const Persistent registry = Make<Registry>([this](Node* held) {
        calls++;
        EXPECT_EQ(held->value, 7);
        made = std::make_unique<int>(held->value);
      });
      const Persistent target = Make<Node>();
      Registration registration = *registry->Track(target, Make<Node>(7));
      Faults faults(n, Faults::Extent::kOne);
      bool ran = false;
      const bool returned = faults.Try([&] { ran = registration.RunNow(); });
      struck = faults.Struck();
      EXPECT_EQ(ran, returned);
      if (returned) {
        EXPECT_EQ(calls, 1);
        EXPECT_FALSE(registration.Cancel());
        continue;
      }
      (calls == 0 ? uncalled : thrown)++;
      then(registration);
    }
    EXPECT_GT(uncalled, 0);
    EXPECT_EQ(thrown, 1);
  }

  int calls = 0;
  std::unique_ptr<int> made;
  int uncalled = 0;  // how often there was no memory for the call,
  int thrown = 0;    // and within the callback
};

TEST_F(RunNowFaultsTest, ItRunsWhenItIsTriedAgain) {
  ForEveryRequest([this](Registration& registration) {
    const bool was_called = calls > 0;
    EXPECT_EQ(registration.RunNow(), !was_called);
    EXPECT_EQ(calls, 1);
    EXPECT_FALSE(registration.RunNow());
    EXPECT_EQ(calls, 1);
  });
}

TEST_F(RunNowFaultsTest, ItCanBeCancelled) {
  ForEveryRequest([this](Registration& registration) {
    const int before = calls;
    EXPECT_EQ(registration.Cancel(), before == 0);
    EXPECT_FALSE(registration.RunNow());
    EXPECT_EQ(calls, before);
  });
}

}  // namespace
}  // namespace elegy::test
