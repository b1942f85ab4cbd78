// Memory that free blocks give back to the system.

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "src/heap/block_pool.h"

namespace elegy::test {
namespace {

using internal::BlockPool;
using internal::kBlockBytes;

constexpr std::size_t kBlocks = 4;
constexpr std::size_t kBytes = kBlocks * kBlockBytes;

// Whether blocks that once held something and were given back are said to read zero; they are that
// if so.
bool ReadZeroAgain(BlockPool& pool, std::size_t block) {
  std::memset(pool.Address(block), 0xff, kBytes);
  pool.Give(block, kBlocks);
  pool.TrimTo(0);
  bool reads_zero = false;
  EXPECT_EQ(pool.Take(kBlocks, &reads_zero), block);
  const char* const begin = pool.Address(block);
  EXPECT_EQ(std::all_of(begin, begin + kBytes, [](char byte) { return byte == 0; }), reads_zero);
  return reads_zero;
}

TEST(MemoryPoolTest, WhatIsGivenBackReadsZero) {
  BlockPool pool(std::size_t{1} << 30);
  const std::size_t block = pool.Take(kBlocks);
  ASSERT_NE(block, BlockPool::kNoBlock);
  EXPECT_TRUE(ReadZeroAgain(pool, block));
}

// Free blocks just below what has never been used are used with it.
TEST(MemoryPoolTest, ARunMayBeginBelowTheFrontier) {
  constexpr std::size_t kMost = (std::size_t{1} << 30) / kBlockBytes;
  BlockPool pool(std::size_t{1} << 30);
  const std::size_t low = pool.Take(kMost / 4);
  ASSERT_NE(low, BlockPool::kNoBlock);
  const std::size_t middle = pool.Take(kMost / 4);
  ASSERT_NE(middle, BlockPool::kNoBlock);
  pool.Give(middle, kMost / 4);
  EXPECT_EQ(pool.Take(kMost / 4 * 3), middle);
}

// What is passed over by one search is remembered, and forgotten when it changes: against a plain
// list of what is free.
TEST(MemoryPoolTest, FindsTheLowestRunThatIsLongEnough) {
  constexpr std::size_t kFrontier = 4096;  // blocks
  BlockPool pool(std::size_t{1} << 30);
  ASSERT_EQ(pool.Take(kFrontier), 0u);
  std::vector<bool> is_free(kFrontier, false);
  const auto lowest = [&](std::size_t count) {
    std::size_t length = 0;
    for (std::size_t block = 0; block < kFrontier; block++) {
      length = is_free[block] ? length + 1 : 0;
      if (length == count) return block + 1 - count;
    }
    return kFrontier;
  };
  const auto set = [&](std::size_t block, std::size_t count, bool free) {
    std::fill_n(is_free.begin() + static_cast<std::ptrdiff_t>(block), count, free);
  };
  std::vector<std::pair<std::size_t, std::size_t>> taken;
  for (std::size_t block = 0; block < kFrontier;) {
    const std::size_t count = std::min<std::size_t>(1 + block % 7, kFrontier - block);
    taken.emplace_back(block, count);
    block += count;
  }
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; i++) {
    const std::size_t count = 1 + random() % (i % 50 == 0 ? 200 : 20);
    const std::size_t place = lowest(count);
    if (random() % 2 == 0 && place < kFrontier) {
      ASSERT_EQ(pool.Take(count), place);
      set(place, count, false);
      taken.emplace_back(place, count);
    } else if (!taken.empty()) {
      std::swap(taken[random() % taken.size()], taken.back());
      const auto [block, given] = taken.back();
      taken.pop_back();
      pool.Give(block, given);
      set(block, given, true);
    }
  }
}

// Not by the C library's mlock and munlock, which do nothing under a sanitizer.
bool Lock(void* address) { return syscall(SYS_mlock, address, kBytes) == 0; }
void Unlock(void* address) { syscall(SYS_munlock, address, kBytes); }

// The system does not take back what a program has locked.
TEST(MemoryPoolTest, LockedMemoryIsNotTakenForZero) {
  BlockPool pool(std::size_t{1} << 30);
  const std::size_t block = pool.Take(kBlocks);
  ASSERT_NE(block, BlockPool::kNoBlock);
  if (!Lock(pool.Address(block))) GTEST_SKIP() << "no memory can be locked here";
  EXPECT_FALSE(ReadZeroAgain(pool, block));
  Unlock(pool.Address(block));
  EXPECT_TRUE(ReadZeroAgain(pool, block));
}

}  // namespace
}  // namespace elegy::test
