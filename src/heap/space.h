// Spaces: the blocks of one type and one object size, and the process-wide numbering of types.
//
// A block of a space is in one of these places:
//   owned      by a mutator that claims runs of it; in no list
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
#include <vector>

#include "elegy/internal/mutex.h"
#include "elegy/internal/type_info.h"
#include "src/heap/block_pool.h"
#include "src/heap/held_blocks.h"

namespace elegy::internal {

// Gives a type its space number (for an array type, the first of kArrayClasses numbers) if it has
// none yet, and returns it. Thread-safe. The numbers are the same in every heap.
std::uint32_t AssignSpaces(const TypeInfo& type, bool is_array);

class Space {
 public:
  Space(const TypeInfo& type, std::uint32_t stride) : type_(type), stride_(stride) {}

  const TypeInfo& Type() const { return type_; }
  std::uint32_t Stride() const { return stride_; }

  // A swept block with free cells, now owned by the caller, whose epoch is `epoch`; or kNoBlock.
  std::size_t TakeAvailable(const BlockPool& pool, std::uint32_t epoch) {
    return TakeFrom(available_, pool, epoch);
  }
  std::size_t TakeScarce(const BlockPool& pool, std::uint32_t epoch) {
    return TakeFrom(scarce_, pool, epoch);
  }
  void AddAvailable(std::size_t block) { AddTo(available_, block); }
  void AddScarce(std::size_t block) { AddTo(scarce_, block); }

  // A block new to the space. Throws std::bad_alloc and has then changed nothing; afterwards no
  // list needs memory to take the block in, wherever it goes.
  void AddFreshBlock(std::size_t block);
  void AddBlock(std::size_t block);

  // A block of the space that a sweep has found empty, described as free.
  void Hold(std::size_t block);
  // One that is held, to be described by the caller and then added; or kNoBlock.
  std::size_t TakeHeld();
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
  // An unswept block, to be swept by the caller; or kNoBlock.
  std::size_t TakeUnswept();

  // Calls f(block) for all blocks; only while nothing is allocated or swept.
  template <class F>
  void ForEachBlock(F&& f) {
    MutexLock lock(mutex_);
    for (const std::uint32_t block : blocks_) f(std::size_t{block});
    for (const std::uint32_t block : unswept_) f(std::size_t{block});
  }

 private:
  std::size_t TakeFrom(std::vector<std::uint32_t>& list, const BlockPool& pool,
                       std::uint32_t epoch);
  void AddTo(std::vector<std::uint32_t>& list, std::size_t block);

  const TypeInfo& type_;
  const std::uint32_t stride_;

  Mutex mutex_;
  std::size_t count_ ELEGY_GUARDED_BY(mutex_) = 0;  // every list has room for so many
  std::vector<std::uint32_t> blocks_ ELEGY_GUARDED_BY(mutex_);
  // Guarded by mutex_ too; the two are handed to TakeFrom and AddTo by reference.
  std::vector<std::uint32_t> available_;
  std::vector<std::uint32_t> scarce_;
  std::vector<std::uint32_t> unswept_ ELEGY_GUARDED_BY(mutex_);
  HeldBlocks held_ ELEGY_GUARDED_BY(mutex_);
};

// The spaces of one heap, by number.
class SpaceTable {
 public:
  SpaceTable();

  // Throws std::bad_alloc.
  Space& Get(std::uint32_t number, const TypeInfo& type, std::uint32_t stride);

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
