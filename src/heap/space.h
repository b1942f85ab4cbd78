// Spaces: the blocks of one type and one object size.
//
// A block of a space is in one of these places:
//   owned      by a mutator that claims runs of it, or will; in no list but `blocks`
//   available  swept, with many free cells, owned by nobody
//   scarce     the same with few, taken only when the heap's limit leaves no better choice
//   unswept    found by the cycle that has just ended, not yet swept
//   full       swept, without free cells; in no list but `blocks`
//   held       swept, without a live object; free to everybody but the space, for a while
//              (src/heap/held_blocks.h)
// `blocks` lists all blocks but the unswept and the held ones. The sweep of a new cycle moves
// `blocks` to `unswept`; each is swept once, by the collector or by a mutator that needs a block of
// the space, and goes back to `blocks`, or is held if nothing in it lives; what is still held then
// goes to the pool.
//
// Mutators and the sweeping collector take several blocks at a time: a lock for each would cost
// more than all else that is done once for a block. A mutator takes a quarter of what there is at
// most, so that others find some.
//
// Epochs. A mutator whose epoch is N (it has answered handshake 4 of cycle N, or attached since)
// allocates only from blocks of epoch N: those swept in cycle N or taken fresh since. The beginning
// of a sweep empties `available` and `scarce` of older blocks: each is listed anew when it has been
// swept, if it still belongs to the space by then. Until that moment a mutator of the new epoch
// that meets an older block there passes it over.

#ifndef ELEGY_SRC_HEAP_SPACE_H_
#define ELEGY_SRC_HEAP_SPACE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "elegy/internal/mutex.h"
#include "src/heap/block_pool.h"
#include "src/heap/held_blocks.h"

namespace elegy::internal {

class Space {
 public:
  explicit Space(std::uint32_t number) : number_(number), shape_(g_shapes[number]) {}

  std::uint32_t Number() const { return number_; }
  const TypeInfo& Type() const { return *shape_.type; }
  std::uint32_t Stride() const { return shape_.stride; }

  // How many blocks are taken at once, at most.
  static constexpr std::size_t kMostTaken = 16;

  // Swept blocks with free cells, now owned by the caller, whose epoch is `epoch`. They are
  // appended to `blocks`, which has room for kMostTaken; the last one is to be used first.
  void TakeAvailable(const BlockPool& pool, std::uint32_t epoch,
                     std::vector<std::uint32_t>& blocks) {
    TakeFrom(available_, pool, epoch, kMostTaken, blocks);
  }
  // One, if there is one.
  void TakeScarce(const BlockPool& pool, std::uint32_t epoch, std::vector<std::uint32_t>& blocks) {
    TakeFrom(scarce_, pool, epoch, 1, blocks);
  }
  void AddAvailable(std::size_t block);

  // A block new to the space. Throws std::bad_alloc and has then changed nothing; afterwards no
  // list needs memory to take the block in, wherever it goes.
  void AddFreshBlock(std::size_t block);

  // Blocks that are held, `most` of them at most, as TakeAvailable, and as long as may_take().
  // Calls describe(block) for each, before a sweep can find it.
  template <class MayTake, class F>
  void TakeHeld(std::size_t most, MayTake&& may_take, F&& describe,
                std::vector<std::uint32_t>& blocks) {
    MutexLock lock(mutex_);
    const std::size_t first = blocks.size();
    for (std::size_t left = ShareOf(held_.Count(), most); left > 0 && may_take(); left--) {
      const auto block = static_cast<std::uint32_t>(held_.TakeLowest());
      describe(std::size_t{block});
      blocks_.push_back(block);
      blocks.push_back(block);
    }
    std::reverse(blocks.begin() + static_cast<std::ptrdiff_t>(first), blocks.end());
  }
  // One that is held and is the space's no longer; or kNoBlock.
  std::size_t ReleaseHeld();

  // The beginning of a sweep: the blocks that are not of `epoch` are to be swept, and are available
  // no longer. Calls count(blocks) before anyone can take one.
  template <class F>
  void MoveToUnswept(const BlockPool& pool, std::uint32_t epoch, F&& count) {
    const auto is_old = [&](std::uint32_t block) { return pool.Info(block).Epoch() != epoch; };
    MutexLock lock(mutex_);
    std::erase_if(available_, is_old);
    std::erase_if(scarce_, is_old);
    const auto old = std::partition(blocks_.begin(), blocks_.end(), std::not_fn(is_old));
    unswept_.insert(unswept_.end(), old, blocks_.end());
    blocks_.erase(old, blocks_.end());
    count(unswept_.size());
  }
  // Unswept blocks, to be swept by the caller, as many as there is room for. Returns how many.
  std::size_t TakeUnswept(std::span<std::uint32_t> room);

  // Where a block belongs that its sweeper has swept.
  enum class Place : std::uint8_t { kOwned, kAvailable, kScarce, kFull, kHeld };
  struct Swept {
    std::uint32_t block;
    Place place;
  };
  // A held one has been described as free.
  void AddSwept(std::span<const Swept> blocks);

  // Calls f(block) for all blocks; only while nothing is allocated or swept.
  template <class F>
  void ForEachBlock(F&& f) {
    MutexLock lock(mutex_);
    for (const std::uint32_t block : blocks_) f(std::size_t{block});
    for (const std::uint32_t block : unswept_) f(std::size_t{block});
  }

 private:
  // Of so many blocks one mutator takes so many.
  static std::size_t ShareOf(std::size_t blocks, std::size_t most) {
    return std::min({blocks, blocks / 4 + 1, most});
  }
  void TakeFrom(std::vector<std::uint32_t>& list, const BlockPool& pool, std::uint32_t epoch,
                std::size_t most, std::vector<std::uint32_t>& blocks);

  const std::uint32_t number_;
  const Shape& shape_;

  Mutex mutex_;
  std::size_t count_ ELEGY_GUARDED_BY(mutex_) = 0;  // every list has room for so many
  std::vector<std::uint32_t> blocks_ ELEGY_GUARDED_BY(mutex_);
  // Guarded by mutex_ too; the two are handed to TakeFrom by reference.
  std::vector<std::uint32_t> available_;
  std::vector<std::uint32_t> scarce_;
  std::vector<std::uint32_t> unswept_ ELEGY_GUARDED_BY(mutex_);
  HeldBlocks held_ ELEGY_GUARDED_BY(mutex_);
};

// The spaces of one heap, by number.
class SpaceTable {
 public:
  // Throws std::bad_alloc.
  Space& Get(std::uint32_t number);

  // Calls f(space) for every space there is.
  template <class F>
  void ForEach(F&& f) {
    for (std::size_t i = 0; i < Count(); i++) f(*At(i));
  }

 private:
  std::size_t Count();
  Space* At(std::size_t index);

  Mutex mutex_;
  std::vector<Space*> by_number_ ELEGY_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Space>> all_ ELEGY_GUARDED_BY(mutex_);
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_HEAP_SPACE_H_
