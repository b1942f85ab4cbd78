// WeakCache: what threads that ask for the same key do while one of them makes the object.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <thread>

#include "elegy/elegy.h"
#include "tests/support/actor.h"
#include "tests/support/heap_fixture.h"

namespace elegy::test {
namespace {

struct Node {
  int value = 0;
};
using Cache = WeakCache<std::string, Node>;

// Only handles are roots. Two mutators of their own ask; the test's waits for them, blocked.
class WeakCacheThreadsTest : public HeapTest {
 public:
  WeakCacheThreadsTest() : HeapTest({.conservative_stacks = false}) {}

  const Persistent<Cache> cache{Make<Cache>()};
  std::atomic<bool> maker_is_in{false};
  std::atomic<bool> other_has_asked{false};

  // As long as another thread takes to begin to wait, and longer: a thread that waits cannot say
  // so. What is tested holds for whoever comes too late, too.
  static void LetOthersRun() {
    for (int i = 0; i < 1000; i++) std::this_thread::yield();
  }
  // In the factory: until the other thread has asked for the same key.
  void AwaitTheOther() {
    maker_is_in = true;
    while (!other_has_asked) Mutator::Current().Safepoint();
    LetOthersRun();
  }

  // The first makes the object; the second asks while it is being made.
  template <class First, class Second>
  void RunTwo(First&& first, Second&& second) {
    const BlockingRegion region(mutator());
    RunThreads(2, [&](int thread) {
      Mutator own(heap());
      if (thread == 0) return first();
      while (!maker_is_in) own.Safepoint();
      other_has_asked = true;
      second();
    });
  }
};

TEST_F(WeakCacheThreadsTest, TheSecondThreadWaitsForTheFirstOnesFactory) {
  Persistent<Node> made;
  Persistent<Node> got;
  RunTwo(
      [&] {
        made = cache->GetOrMake("key", [&](const std::string&) {
          AwaitTheOther();
          return Make<Node>(1);
        });
      },
      [&] {
        got = cache->GetOrMake("key", [&](const std::string&) {
          ADD_FAILURE() << "a second factory runs";
          return Make<Node>(2);
        });
      });
  EXPECT_EQ(got, made);
  EXPECT_EQ(got->value, 1);
}

TEST_F(WeakCacheThreadsTest, WhoWaitsDoesNotHoldUpTheCollector) {
  Persistent<Node> got;
  RunTwo(
      [&] {
        cache->GetOrMake("key", [&](const std::string&) {
          AwaitTheOther();
          heap().Collect();  // needs an answer of every mutator
          return Make<Node>(1);
        });
      },
      [&] { got = cache->GetOrMake("key", [](const std::string&) { return Make<Node>(2); }); });
  EXPECT_NE(got, nullptr);
}

TEST_F(WeakCacheThreadsTest, WhoWaitsTakesOverFromAFactoryThatThrows) {
  Persistent<Node> got;
  RunTwo(
      [&] {
        const auto factory = [&](const std::string&) -> Node* {
          AwaitTheOther();
          throw std::runtime_error("no such photo");
        };
        EXPECT_THROW(cache->GetOrMake("key", factory), std::runtime_error);
      },
      [&] { got = cache->GetOrMake("key", [](const std::string&) { return Make<Node>(2); }); });
  ASSERT_NE(got, nullptr);
  EXPECT_EQ(got->value, 2);
  EXPECT_EQ(cache->Get("key"), got);
}

TEST_F(WeakCacheThreadsTest, WhoWaitsTakesOverFromAFactoryThatMakesNothing) {
  Persistent<Node> got;
  RunTwo(
      [&] {
        const auto factory = [&](const std::string&) -> Node* {
          AwaitTheOther();
          return nullptr;
        };
        EXPECT_EQ(cache->GetOrMake("key", factory), nullptr);
      },
      [&] { got = cache->GetOrMake("key", [](const std::string&) { return Make<Node>(2); }); });
  ASSERT_NE(got, nullptr);
  EXPECT_EQ(got->value, 2);
}

// Each thread's factory asks for the next one's key, while all are under way: one of them has to
// run its own, or all wait for ever.
TEST_F(WeakCacheThreadsTest, FactoriesThatWaitInACircleEnd) {
  constexpr int kThreads = 3;
  const Persistent<Cache> other(Make<Cache>());
  // Every second key is in another cache.
  const auto cache_of = [&](int thread) -> Cache* {
    return (thread % 2 == 0 ? cache : other).get();
  };
  std::atomic<int> under_way{0};
  std::array<Persistent<Node>, kThreads> own;
  std::array<Persistent<Node>, kThreads> next;
  {
    const BlockingRegion region(mutator());
    RunThreads(kThreads, [&](int thread) {
      Mutator mutator(heap());
      const int after = (thread + 1) % kThreads;
      own[thread] = cache_of(thread)->GetOrMake(std::to_string(thread), [&](const std::string&) {
        for (under_way++; under_way < kThreads; std::this_thread::yield()) mutator.Safepoint();
        next[thread] = cache_of(after)->GetOrMake(
            std::to_string(after), [&](const std::string&) { return Make<Node>(after); });
        return Make<Node>(thread);
      });
    });
  }
  for (int thread = 0; thread < kThreads; thread++) {
    ASSERT_NE(own[thread], nullptr);
    EXPECT_EQ(own[thread]->value, thread);
    EXPECT_EQ(next[thread], own[(thread + 1) % kThreads]);
  }
}

}  // namespace
}  // namespace elegy::test
