// Memory that free blocks give back to the system.

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

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
