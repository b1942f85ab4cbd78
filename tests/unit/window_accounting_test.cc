// A block that is held back is taken again while others go to the pool: those are counted once, as
// free or not.

#include <gtest/gtest.h>

#include <thread>

#include "src/heap/accounting.h"
#include "tests/support/held_point.h"

namespace elegy::test {
namespace {

using internal::Accounting;
using internal::ChaosPointOf;

TEST(WindowAccountingTest, WhatIsGivenBackMeanwhileIsNotFreeTwice) {
  constexpr std::size_t kLimit = 45;
  Accounting accounting;
  ASSERT_TRUE(accounting.TryTake(100, 1000));
  accounting.Hold(60);  // 40 are in use
  bool got = true;
  HeldPoint between(ChaosPointOf("taken read, held not"));
  std::thread asking([&] { got = accounting.TryUnhold(20, kLimit); });
  between.Await();
  accounting.Unhold(40);
  accounting.Give(40);
  between.Release();
  asking.join();
  EXPECT_FALSE(got);  // 60 would be in use
  EXPECT_EQ(accounting.Taken(), 40u);
  EXPECT_EQ(accounting.Held(), 20u);
}

TEST(WindowAccountingTest, WhatIsGivenBackMeanwhileIsFreeOnce) {
  constexpr std::size_t kLimit = 60;
  Accounting accounting;
  ASSERT_TRUE(accounting.TryTake(100, 1000));
  accounting.Hold(60);  // 40 are in use
  bool got = false;
  HeldPoint between(ChaosPointOf("taken read, held not"));
  std::thread asking([&] { got = accounting.TryUnhold(10, kLimit); });
  between.Await();
  accounting.Unhold(40);  // with what was taken before, 90 would be in use
  accounting.Give(40);
  between.Release();
  asking.join();
  EXPECT_TRUE(got);
  EXPECT_EQ(accounting.Taken(), 50u);
  EXPECT_EQ(accounting.Held(), 10u);
}

TEST(WindowAccountingTest, NativeMemoryHasTheRoomOfWhatIsGivenBackMeanwhile) {
  constexpr std::size_t kLimit = 60;
  Accounting accounting;
  ASSERT_TRUE(accounting.TryTake(100, 1000));
  accounting.Hold(60);  // 40 are in use
  bool got = false;
  HeldPoint between(ChaosPointOf("taken read, held not"));
  std::thread asking([&] { got = accounting.TryTakeNative(10, kLimit); });
  between.Await();
  accounting.Unhold(40);
  accounting.Give(40);
  between.Release();
  asking.join();
  EXPECT_TRUE(got);
  EXPECT_EQ(accounting.Taken(), 50u);
  EXPECT_EQ(accounting.Native(), 10u);
}

}  // namespace
}  // namespace elegy::test
