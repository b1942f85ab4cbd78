// Memory that a sweep has freed, held back for its own kind until the next sweep begins.
//
// A stale pointer, hidden from the collector or used by mistake, must not soon name an object of
// another type. So what the sweep of cycle N has freed goes, until the sweep of cycle N + 1 begins,
// only to objects of the same kind: of the same type descriptor and the same size, which is the
// stride of a small object and the number of blocks of a large one. So all that may appear at a
// dead object's address is another of its type, at the very same offset; two arrays of one type but
// of different lengths would read each other's elements as their headers.
//
//   free cells beside live ones   never leave their space, which is one kind
//   a small block without life    held by its space (Space::TakeHeld)
//   a large object's span         held by its type and length (HeapState::held_spans)
//   a block that holds nothing    was taken and never used: to the pool at once
//
// Who may be where. Blocks are held by their sweeper, after their Epoch and bits are final, and
// taken by mutators, under the lock of the space or large_mutex; they read as free to everybody
// else, and as clear in both bitmaps, just as those in the pool. Who takes one describes it anew,
// with its own epoch. The collector gives what is still held to the pool when it begins a sweep,
// before any block of that sweep can be held: every mutator has answered handshake 4 by then, so
// that a whole cycle has passed since the last sweep, with its scan of all stacks. The flip would
// be early enough for that; at the sweep the lists of blocks are turned over anyway, and a block
// that is held or given there meets mutators of the new epoch alone.
//
// Discarded memory makes no difference: only the pool's is ever discarded.
//
// Held blocks count towards max_heap_bytes where blocks are taken (Accounting): the memory is not
// the system's yet. So an allocation of another kind may find no room and wait, for the cycle that
// gives it to the pool; where the limit leaves room the range is used instead, by one cycle's
// garbage at most.

#ifndef ELEGY_SRC_HEAP_HELD_BLOCKS_H_
#define ELEGY_SRC_HEAP_HELD_BLOCKS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "elegy/internal/type_info.h"
#include "src/heap/block_pool.h"

namespace elegy::internal {

// Blocks of one kind, or heads of spans. Guarded by its owner's lock.
class HeldBlocks {
 public:
  bool IsEmpty() const { return blocks_.empty(); }
  std::size_t Count() const { return blocks_.size(); }

  // Afterwards Add needs no memory while there are at most so many. Throws std::bad_alloc.
  void Reserve(std::size_t count) { blocks_.reserve(count); }
  std::size_t Reserved() const { return blocks_.capacity(); }

  void Add(std::size_t block) {
    blocks_.push_back(static_cast<std::uint32_t>(block));
    std::push_heap(blocks_.begin(), blocks_.end(), std::greater());
  }
  // The lowest, as from the pool, so that the heap's upper end can be discarded; or kNoBlock.
  std::size_t TakeLowest() {
    if (blocks_.empty()) return BlockPool::kNoBlock;
    std::pop_heap(blocks_.begin(), blocks_.end(), std::greater());
    return TakeAny();
  }
  // O(1).
  std::size_t TakeAny() {
    if (blocks_.empty()) return BlockPool::kNoBlock;
    const std::size_t block = blocks_.back();  // a leaf of the heap: the rest is one, too
    blocks_.pop_back();
    return block;
  }

 private:
  std::vector<std::uint32_t> blocks_;  // a heap, the lowest at its top
};

// Spans of dead large objects, by type and number of blocks. Guarded by its owner's lock.
class HeldSpans {
 public:
  struct Span {
    std::size_t head;
    std::size_t count;
  };

  // Throws std::bad_alloc.
  void Add(const TypeInfo& type, Span span) { spans_[{&type, span.count}].Add(span.head); }
  // The head of one of just that kind, or kNoBlock.
  std::size_t Take(const TypeInfo& type, std::size_t count) {
    const auto found = spans_.find({&type, count});
    return found == spans_.end() ? BlockPool::kNoBlock : found->second.TakeLowest();
  }
  std::vector<Span> TakeAll() {
    std::vector<Span> all;
    for (auto& [kind, heads] : std::exchange(spans_, {})) {
      while (!heads.IsEmpty()) all.push_back({heads.TakeAny(), kind.second});
    }
    return all;
  }

 private:
  std::map<std::pair<const TypeInfo*, std::size_t>, HeldBlocks> spans_;
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_HEAP_HELD_BLOCKS_H_
