// The heap's address range with its side tables, and which blocks of it are free.
//
// Blocks are committed in chunks, from the range's beginning on, and never uncommitted; free blocks
// are discarded instead (TrimTo), which gives their memory back and keeps them usable. Thread-safe.

#ifndef ELEGY_SRC_HEAP_BLOCK_POOL_H_
#define ELEGY_SRC_HEAP_BLOCK_POOL_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "elegy/internal/layout.h"
#include "elegy/internal/mutex.h"
#include "src/heap/block_info.h"
#include "src/heap/object_bits.h"

namespace elegy::internal {

class BlockPool {
 public:
  static constexpr std::size_t kNoBlock = SIZE_MAX;
  static constexpr std::size_t kExactRuns = 16;

  // Reserves room for that many bytes of blocks. Throws std::bad_alloc.
  explicit BlockPool(std::size_t bytes);
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  std::uintptr_t Base() const { return base_; }
  std::size_t ReservedBytes() const { return block_count_ * kBlockBytes; }
  BlockInfo Info(std::size_t block) const { return {words_[block], rests_[block]}; }
  ObjectBits Bits(std::size_t which) const { return bits_[which]; }
  // The cells that are reserved (src/heap/failed_objects.h).
  ObjectBits FailedBits() const { return bits_[2]; }
  char* Address(std::size_t block) const {
    return reinterpret_cast<char*>(base_ + block * kBlockBytes);
  }
  std::size_t BlockOf(const void* address) const {
    return (reinterpret_cast<std::uintptr_t>(address) - base_) >> kBlockBits;
  }

  // Blocks below this have been used at some time. Acquire: pairs with the release in Grow; their
  // side-table entries are readable.
  std::size_t Frontier() const { return frontier_.load(std::memory_order_acquire); }

  // What the side tables of those blocks take at most.
  std::size_t TableBytes() const;

  // `count` neighbouring free blocks, or kNoBlock if the range is spent or the system refuses. The
  // caller must describe them. *reads_zero: whether all of their memory is fresh, or as good as.
  // O(1) for up to kExactRuns blocks, but for a search that resumes where the last one ended.
  std::size_t Take(std::size_t count, bool* reads_zero = nullptr);
  void Give(std::size_t block, std::size_t count);

  // How many blocks the large object has whose head this is. O(blocks).
  std::size_t SpanOf(std::size_t head) const;

  // Discards free blocks until at most `bytes` of free blocks keep their memory. Returns the bytes
  // given back.
  std::size_t TrimTo(std::size_t bytes);

 private:
  // Runs of free blocks are searched by class: of lengths up to kExactRuns, and from powers of two.
  static constexpr std::size_t kRunClasses = kExactRuns + 40;
  static constexpr std::size_t ClassOf(std::size_t count) {
    if (count <= kExactRuns) return count - 1;
    return kExactRuns + static_cast<std::size_t>(std::bit_width(count / kExactRuns)) - 2;
  }
  // The least length of a class.
  static constexpr std::size_t LeastOf(std::size_t run_class) {
    if (run_class < kExactRuns) return run_class + 1;
    return kExactRuns << std::min(run_class - kExactRuns + 1, kRunClasses - kExactRuns);
  }

  bool IsFree(std::size_t block) const ELEGY_REQUIRES(mutex_) {
    return (free_[block / 64] >> (block % 64) & 1) != 0;
  }
  void SetFree(std::size_t block, std::size_t count, bool value) ELEGY_REQUIRES(mutex_);
  // The first block from `block` on, before `end`, that is or is not free; or `end`.
  std::size_t NextThatIs(bool free, std::size_t block, std::size_t end) const
      ELEGY_REQUIRES(mutex_);
  std::size_t FindRun(std::size_t count) ELEGY_REQUIRES(mutex_);
  // How many free blocks there are just below `block`, if less than `most`.
  std::size_t FreeBefore(std::size_t block, std::size_t most) const ELEGY_REQUIRES(mutex_);
  // The highest run of free blocks below `below` that still has memory, while more than `keep` free
  // blocks have; or kNoBlock.
  std::size_t NextResidentRun(std::size_t below, std::size_t keep, std::size_t& count)
      ELEGY_REQUIRES(mutex_);
  bool Grow(std::size_t blocks) ELEGY_REQUIRES(mutex_);
  bool CommitTables(std::size_t begin, std::size_t end);

  std::uintptr_t base_ = 0;
  std::size_t block_count_ = 0;
  std::atomic<std::uint32_t>* words_ = nullptr;  // see BlockInfo
  BlockRest* rests_ = nullptr;
  ObjectBits bits_[3];
  void* tables_ = nullptr;
  std::size_t table_bytes_ = 0;

  std::atomic<std::size_t> frontier_{0};

  Mutex mutex_;
  // A bit for each block below the frontier: free; free and without memory behind it, so that it
  // reads zero.
  std::vector<std::uint64_t> free_ ELEGY_GUARDED_BY(mutex_);
  std::vector<std::uint64_t> discarded_ ELEGY_GUARDED_BY(mutex_);
  std::size_t free_count_ ELEGY_GUARDED_BY(mutex_) = 0;
  std::size_t discarded_count_ ELEGY_GUARDED_BY(mutex_) = 0;
  // For each class of lengths: no run of free blocks of at least that length begins in a word
  // before this. So what a search has passed over is not searched again.
  std::array<std::size_t, kRunClasses> first_run_word_ ELEGY_GUARDED_BY(mutex_) = {};
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_HEAP_BLOCK_POOL_H_
