// What is logged of a registry that dies with registrations undelivered.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "elegy/elegy.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/stderr_pipe.h"

namespace elegy::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using Registry = FinalizationRegistry<int>;

struct Node {
  int value = 0;
};

// A heap reads the environment when it is made.
class LogIsOn {
 public:
  LogIsOn() { ::setenv("ELEGY_LOG", "gc", 1); }  // NOLINT(concurrency-mt-unsafe)
  ~LogIsOn() { ::unsetenv("ELEGY_LOG"); }        // NOLINT(concurrency-mt-unsafe)
};

class RegistryLogTest : private LogIsOn, public HeapTest {
 public:
  // A registry that dies with these many registrations made at each of so many lines of a file.
  void LetOneDie(int lines, int of_each) {
    NoInline([&] {
      auto* const registry = Make<Registry>([](int) {});
      for (int i = 0; i < lines * of_each; i++) {
        const RegisterOptions options = {.location = {"made_here.cc", 1 + i % lines}};
        ASSERT_TRUE(registry->Register(Make<Node>(), i, options).ok());
      }
    });
    CollectPrecisely();
  }
};

TEST_F(RegistryLogTest, SaysWhereTheyWereMade) {
  StderrPipe log;
  LetOneDie(2, 3);
  const std::string line = log.AwaitLine("undelivered");
  EXPECT_THAT(line, HasSubstr("6 registrations"));
  EXPECT_THAT(line, HasSubstr("made_here.cc:1 (3)"));
  EXPECT_THAT(line, HasSubstr("made_here.cc:2 (3)"));
}

TEST_F(RegistryLogTest, NamesAFewPlacesOfMany) {
  StderrPipe log;
  LetOneDie(100, 1);
  const std::string line = log.AwaitLine("undelivered");
  EXPECT_THAT(line, HasSubstr("100 registrations"));
  EXPECT_THAT(line, HasSubstr("made_here.cc:8 (1)"));
  EXPECT_THAT(line, Not(HasSubstr("made_here.cc:9 ")));
}

TEST_F(RegistryLogTest, SaysNothingWhereAllWereDelivered) {
  StderrPipe log;
  {
    const Persistent<Registry> registry(Make<Registry>([](int) {}));
    NoInline([&] { ASSERT_TRUE(registry->Register(Make<Node>(), 1).ok()); });
    CollectPrecisely();
    EXPECT_EQ(registry->CleanupSome(), 1u);
  }
  CollectPrecisely();
  EXPECT_EQ(log.CountLines("undelivered"), 0u);
}

}  // namespace
}  // namespace elegy::test
