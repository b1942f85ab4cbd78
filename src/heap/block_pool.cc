#include "src/heap/block_pool.h"

#include <algorithm>
#include <bit>
#include <new>
#include <system_error>

#include "elegy/internal/address_sanitizer.h"
#include "src/base/check.h"
#include "src/platform/platform.h"

namespace elegy::internal {

namespace {

constexpr std::size_t kBitsBytesPerBlock = kWordsPerBlock * sizeof(std::uint64_t);
constexpr std::size_t kTableBytesPerBlock =
    sizeof(std::uint32_t) + sizeof(BlockRest) + 3 * kBitsBytesPerBlock;

// A free run shorter than this keeps its memory: giving it back would cost more system calls than
// it is worth.
constexpr std::size_t kLeastDiscard = 4;
// And a longer one is given back in parts, so that allocation can have the rest.
constexpr std::size_t kMostDiscard = 1024;

}  // namespace

// Side tables are reserved whole beside the range. They are committed at once: pages that are never
// touched take no memory.
BlockPool::BlockPool(std::size_t bytes) {
  const std::size_t page = platform::PageBytes();
  if (page > kBlockBytes) {
    throw std::system_error(std::make_error_code(std::errc::not_supported),
                            "elegy: the system's pages are larger than a block of 16 KiB");
  }
  block_count_ = RoundUp(bytes, kChunkBytes) / kBlockBytes;
  void* const range = platform::Reserve(block_count_ * kBlockBytes, kChunkBytes);
  if (range == nullptr) throw std::bad_alloc();
  base_ = reinterpret_cast<std::uintptr_t>(range);
  table_bytes_ = RoundUp(block_count_ * kTableBytesPerBlock, page);
  tables_ = platform::Reserve(table_bytes_, page);
  if (tables_ == nullptr) {
    platform::Release(range, block_count_ * kBlockBytes);
    throw std::bad_alloc();
  }
  char* cursor = static_cast<char*>(tables_);
  for (ObjectBits& bits : bits_) {
    bits = ObjectBits(reinterpret_cast<std::atomic<std::uint64_t>*>(cursor));
    cursor += block_count_ * kBitsBytesPerBlock;
  }
  words_ = reinterpret_cast<std::atomic<std::uint32_t>*>(cursor);
  cursor += block_count_ * sizeof(std::uint32_t);
  rests_ = reinterpret_cast<BlockRest*>(cursor);
}

BlockPool::~BlockPool() {
  platform::Release(tables_, table_bytes_);
  SetUsable(Address(0), Frontier() * kBlockBytes);  // to whoever gets the addresses next
  platform::Release(reinterpret_cast<void*>(base_), block_count_ * kBlockBytes);
}

std::size_t BlockPool::TableBytes() const { return Frontier() * kTableBytesPerBlock; }

void BlockPool::SetFree(std::size_t block, std::size_t count, bool value) {
  for (std::size_t i = block; i < block + count; i++) {
    const std::uint64_t mask = std::uint64_t{1} << (i % 64);
    if (value) {
      free_[i / 64] |= mask;
    } else {
      free_[i / 64] &= ~mask;
      if ((discarded_[i / 64] & mask) != 0) {
        discarded_[i / 64] &= ~mask;
        discarded_count_--;
      }
    }
  }
  free_count_ = value ? free_count_ + count : free_count_ - count;
  if (!value) return;
  // What was free just before and behind these blocks is now of the same run. The classes that it
  // is too short for have no new run. A longer run than kMostLooked may begin earlier; if it is as
  // long as a class without these blocks, it is known already.
  constexpr std::size_t kMostLooked = 64;
  const std::size_t before = FreeBefore(block, kMostLooked);
  const std::size_t end = block + count;
  const std::size_t after =
      NextThatIs(false, end, std::min(end + kMostLooked, free_.size() * 64)) - end;
  const bool is_whole = before < kMostLooked && after < kMostLooked;
  const std::size_t run = before + count + after;
  for (std::size_t i = 0; i < kRunClasses; i++) {
    if (is_whole && run < LeastOf(i)) break;
    const std::size_t earliest =
        is_whole ? block - before : block - std::min(block, LeastOf(i) - 1);
    first_run_word_[i] = std::min(first_run_word_[i], earliest / 64);
  }
}

std::size_t BlockPool::NextThatIs(bool free, std::size_t block, std::size_t end) const {
  while (block < end) {
    const std::uint64_t word = free ? free_[block / 64] : ~free_[block / 64];
    const std::uint64_t rest = word >> (block % 64);
    if (rest != 0) return std::min(block + static_cast<std::size_t>(std::countr_zero(rest)), end);
    block = (block / 64 + 1) * 64;
  }
  return end;
}

std::size_t BlockPool::FindRun(std::size_t count) {
  if (free_count_ < count) return kNoBlock;
  const std::size_t run_class = ClassOf(count);
  const std::size_t all = free_.size() * 64;
  std::size_t first = kNoBlock;  // where a run of the class begins
  std::size_t found = kNoBlock;
  std::size_t block = first_run_word_[run_class] * 64;
  while (found == kNoBlock && (block = NextThatIs(true, block, all)) < all) {
    const std::size_t end = NextThatIs(false, block, std::min(block + count, all));
    if (first == kNoBlock && end - block >= LeastOf(run_class)) first = block;
    if (end - block == count) found = block;
    block = end;
  }
  first_run_word_[run_class] = std::min(first, all) / 64;
  return found;
}

std::size_t BlockPool::FreeBefore(std::size_t block, std::size_t most) const {
  std::size_t count = 0;
  while (count < most && count < block && IsFree(block - count - 1)) count++;
  return count;
}

namespace {

// The pages that hold elements [begin, end) of a table.
bool CommitPages(void* table, std::size_t begin, std::size_t end) {
  const std::size_t page = platform::PageBytes();
  const auto address = reinterpret_cast<std::uintptr_t>(table);
  const std::uintptr_t first = (address + begin) / page * page;
  const std::uintptr_t last = RoundUp(address + end, page);
  return platform::Commit(reinterpret_cast<void*>(first), last - first);
}

}  // namespace

bool BlockPool::CommitTables(std::size_t begin, std::size_t end) {
  for (ObjectBits bits : bits_) {
    if (!CommitPages(&bits.WordOf(0, 0), begin * kBitsBytesPerBlock, end * kBitsBytesPerBlock)) {
      return false;
    }
  }
  return CommitPages(words_, begin * sizeof(std::uint32_t), end * sizeof(std::uint32_t)) &&
         CommitPages(rests_, begin * sizeof(BlockRest), end * sizeof(BlockRest));
}

bool BlockPool::Grow(std::size_t blocks) {
  const std::size_t frontier = Frontier();
  const std::size_t added = RoundUp(blocks, kBlocksPerChunk);
  if (added > block_count_ - frontier) return false;
  if (!CommitTables(frontier, frontier + added)) return false;
  if (!platform::Commit(Address(frontier), added * kBlockBytes)) return false;
  // A process with a small heap has no use for a huge page, which takes 0.1 ms to clear.
  if (frontier > 0) platform::PreferHugePages(Address(frontier), added * kBlockBytes);
  // In this order, for the second may throw: what is free is looked up among the discarded.
  discarded_.resize((frontier + added) / 64);
  free_.resize(discarded_.size());
  // Fresh memory reads zero and is not resident: as good as discarded.
  SetFree(frontier, added, true);
  for (std::size_t i = frontier; i < frontier + added; i++) {
    discarded_[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  discarded_count_ += added;
  // Release: pairs with Frontier.
  frontier_.store(frontier + added, std::memory_order_release);
  return true;
}

std::size_t BlockPool::Take(std::size_t count, bool* reads_zero) {
  MutexLock lock(mutex_);
  std::size_t block = FindRun(count);
  if (block == kNoBlock) {
    if (!Grow(count - FreeBefore(free_.size() * 64, count))) return kNoBlock;
    block = FindRun(count);
    ELEGY_CHECK(block != kNoBlock);
  }
  const std::size_t discarded = discarded_count_;
  SetFree(block, count, false);
  if (reads_zero != nullptr) *reads_zero = discarded - discarded_count_ == count;
  return block;
}

void BlockPool::Give(std::size_t block, std::size_t count) {
  MutexLock lock(mutex_);
  SetFree(block, count, true);
}

std::size_t BlockPool::SpanOf(std::size_t head) const {
  std::size_t count = 1;
  while (head + count < Frontier() && Info(head + count).Kind() == BlockKind::kLargeRest) count++;
  return count;
}

std::size_t BlockPool::NextResidentRun(std::size_t below, std::size_t keep, std::size_t& count) {
  if (free_count_ - discarded_count_ <= keep) return kNoBlock;
  std::size_t block = std::min(below, free_.size() * 64);
  while (block > 0) {
    if (block % 64 == 0 && (free_[block / 64 - 1] & ~discarded_[block / 64 - 1]) == 0) {
      block -= 64;  // nothing there to give back
      continue;
    }
    const std::size_t end = block;
    bool resident = false;
    while (block > 0 && IsFree(block - 1) && end - block < kMostDiscard) {
      block--;
      resident = resident || (discarded_[block / 64] >> (block % 64) & 1) == 0;
    }
    if (resident && end - block >= kLeastDiscard) {
      count = end - block;
      return block;
    }
    if (block == end) block--;
  }
  return kNoBlock;
}

// From the top, because low blocks are taken first. A run is taken out of the pool while the system
// works on it, so that no allocation waits for that.
std::size_t BlockPool::TrimTo(std::size_t bytes) {
  std::size_t given_back = 0;
  std::size_t below = SIZE_MAX;
  while (true) {
    std::size_t count = 0;
    {
      MutexLock lock(mutex_);
      below = NextResidentRun(below, bytes / kBlockBytes, count);
      if (below == kNoBlock) return given_back;
      SetFree(below, count, false);
    }
    const bool discarded = platform::Discard(Address(below), count * kBlockBytes);
    MutexLock lock(mutex_);
    SetFree(below, count, true);
    if (!discarded) continue;
    for (std::size_t i = below; i < below + count; i++) {
      discarded_[i / 64] |= std::uint64_t{1} << (i % 64);
    }
    discarded_count_ += count;
    given_back += count * kBlockBytes;
  }
}

}  // namespace elegy::internal
