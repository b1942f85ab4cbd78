// When the next cycle is to start, for what the last one found.

#include "src/collector/pacer.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace elegy::internal {
namespace {

constexpr std::int64_t kMib = std::int64_t{1} << 20;
constexpr std::uint64_t kInitial = 16 * kMib;
constexpr std::uint64_t kLimit = 1024 * kMib;

Pacer::Outcome Found(std::uint64_t live_mib) {
  return {.live_objects = live_mib * kMib,
          .live_external = 0,
          .unjudged = 0,
          .during_marking = 0,
          .since_flip = 0,
          .within_limit = kLimit - live_mib * kMib,
          .marker_share = 1};
}

TEST(HeapPacerTest, TheHeapMayGrowByItsFactor) {
  Pacer pacer(kInitial, 2.0, kLimit);
  EXPECT_EQ(pacer.First().room, 16 * kMib);
  EXPECT_EQ(pacer.After(Found(4)).room, 40 * kMib);  // for its initial size
  EXPECT_EQ(pacer.After(Found(40)).room, 40 * kMib);
  EXPECT_EQ(pacer.After(Found(80)).room, 80 * kMib);
}

// Weak tables and records may double what there is, within the limit; never is there no room.
TEST(HeapPacerTest, TablesMayGrowByAsMuchAsThereIs) {
  const Pacer pacer(kInitial, 2.0, kLimit);
  EXPECT_EQ(pacer.NativeRoom(0, kLimit), std::size_t{64 * kMib});
  EXPECT_EQ(pacer.NativeRoom(200 * kMib, kLimit), std::size_t{200 * kMib});
  EXPECT_EQ(pacer.NativeRoom(200 * kMib, 100 * kMib), std::size_t{75 * kMib});
  EXPECT_EQ(pacer.NativeRoom(16 * kMib, 0), std::size_t{1 * kMib});
  EXPECT_EQ(pacer.NativeRoom(160 * kMib, 0), std::size_t{10 * kMib});
}

TEST(HeapPacerTest, ACycleStartsEarlierByWhatIsAllocatedWhileItMarks) {
  Pacer pacer(kInitial, 2.0, kLimit);
  Pacer::Outcome outcome = Found(40);
  outcome.during_marking = 8 * kMib;
  EXPECT_EQ(pacer.After(outcome).budget, 30 * kMib);  // a quarter more than last time
  // And does not forget it at once.
  EXPECT_EQ(pacer.After(Found(40)).budget, 33 * kMib);
}

TEST(HeapPacerTest, ACycleOfASmallHeapStartsWhenMostOfItsRoomIsUsed) {
  Pacer pacer(kInitial, 2.0, kLimit);
  Pacer::Outcome outcome = Found(24);
  outcome.during_marking = 40 * kMib;
  const Pacer::Plan plan = pacer.After(outcome);
  EXPECT_EQ(plan.budget, 24 * kMib);
  EXPECT_EQ(plan.reserve, 16 * kMib);
}

TEST(HeapPacerTest, MostOfALargeRoomMayBeForMarking) {
  Pacer pacer(kInitial, 2.0, kLimit);
  Pacer::Outcome outcome = Found(200);
  outcome.during_marking = 300 * kMib;
  const Pacer::Plan plan = pacer.After(outcome);
  EXPECT_EQ(plan.budget, 50 * kMib);
  EXPECT_EQ(plan.reserve, 50 * kMib);  // then mutators help
}

TEST(HeapPacerTest, MutatorsHelpEarlierWhereTheMarkerHasNoCoreOfItsOwn) {
  Pacer pacer(kInitial, 2.0, kLimit);
  Pacer::Outcome outcome = Found(200);
  outcome.during_marking = 300 * kMib;
  outcome.marker_share = 0.6;
  Pacer::Plan plan = pacer.After(outcome);
  EXPECT_EQ(plan.budget, 50 * kMib);   // a cycle begins as early as with a core
  EXPECT_EQ(plan.reserve, 16 * kMib);  // what a small heap has
  EXPECT_EQ(plan.room, 200 * kMib);    // the goal is the same
  outcome.marker_share = 0.9;
  EXPECT_EQ(pacer.After(outcome).reserve, 50 * kMib);
}

// However much of its native memory is not known to live.
TEST(HeapPacerTest, ThereIsRoomForASixteenthOfAllThatMayLive) {
  Pacer pacer(kInitial, 2.0, kLimit);
  Pacer::Outcome outcome = Found(0);
  EXPECT_EQ(pacer.After(outcome).room, 40 * kMib);
  outcome.unjudged = 512 * kMib;
  EXPECT_EQ(pacer.After(outcome).room, 32 * kMib);
  outcome = Found(160);
  outcome.unjudged = 320 * kMib;
  EXPECT_EQ(pacer.After(outcome).room, 30 * kMib);
}

TEST(HeapPacerTest, ThePlanSaysWhatRoomIsForLivingNativeMemory) {
  Pacer pacer(kInitial, 2.0, kLimit);
  EXPECT_EQ(pacer.After(Found(80)).external_room, 0);
  Pacer::Outcome outcome = Found(8);
  outcome.live_external = 20 * kMib;  // no more than there is for the heap's initial size
  EXPECT_EQ(pacer.After(outcome).external_room, 0);
  outcome.live_external = 92 * kMib;
  EXPECT_EQ(pacer.After(outcome).room, 100 * kMib);
  EXPECT_EQ(pacer.After(outcome).external_room, 60 * kMib);
  outcome.within_limit = 40 * kMib;
  EXPECT_EQ(pacer.After(outcome).external_room, 0);
}

// What a cycle has made free is not found at once, nor all of it: a heap that planned to fill its
// limit would meet it, and wait there.
TEST(HeapPacerTest, AQuarterOfTheRoomBelowTheLimitIsLeft) {
  Pacer pacer(kInitial, 2.0, kLimit);
  Pacer::Outcome outcome = Found(80);
  outcome.within_limit = 60 * kMib;
  EXPECT_EQ(pacer.After(outcome).room, 45 * kMib);
  outcome.within_limit = 200 * kMib;
  EXPECT_EQ(pacer.After(outcome).room, 80 * kMib);
}

TEST(HeapPacerTest, AFullHeapIsNotCollectedAllTheTime) {
  Pacer pacer(kInitial, 2.0, kLimit);
  Pacer::Outcome outcome = Found(8);
  outcome.within_limit = 0;
  EXPECT_EQ(pacer.After(outcome).room, 1 * kMib);
  outcome.live_objects = 160 * kMib;
  EXPECT_EQ(pacer.After(outcome).room, 10 * kMib);
}

TEST(HeapPacerTest, WhatIsNotJudgedIsTakenFromTheRoom) {
  Pacer pacer(kInitial, 2.0, kLimit);
  Pacer::Outcome outcome = Found(40);
  outcome.unjudged = 10 * kMib;
  outcome.since_flip = 5 * kMib;
  EXPECT_EQ(pacer.After(outcome).room, 25 * kMib);
}

// Not by so much for each cycle, of which there may be thousands in a second.
TEST(HeapPacerTest, KeptFreeMemoryFallsByAQuarterInASecond) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  KeptFree kept;
  EXPECT_EQ(kept.After(10 * kSecond, 1000, 0), 1000U);
  for (int i = 0; i < 100; i++) EXPECT_EQ(kept.After(10 * kSecond + i, 10, 0), 1000U);
  EXPECT_EQ(kept.After(11 * kSecond, 10, 0), 750U);
  EXPECT_EQ(kept.After(13 * kSecond, 10, 0), 421U);
  EXPECT_EQ(kept.After(13 * kSecond + 1, 10, 900), 900U);
  EXPECT_EQ(kept.After(99 * kSecond, 20, 10), 20U);
}

}  // namespace
}  // namespace elegy::internal
