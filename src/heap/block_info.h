// The side tables of the heap's blocks: what each holds, without touching the block itself.
//
// A block is free, or holds small objects of one type, or is the head or the continuation of a
// large object's span. It becomes used by its owner's Describe (a mutator that has taken it from
// the pool), and free again in the sweep, in which it holds no object that lives. Readers of other
// blocks (the marker, barriers, stack scans) may come at any time: kind and shape are one word,
// which is written last, with release, so that who sees a used kind (acquire) sees the rest.
//
// The word is all of a block that the marker reads for a small object: with four bytes for a block
// it stays in the processor's cache, however large the heap. What it reads by the shape's number is
// the same for all blocks of a type.

#ifndef ELEGY_SRC_HEAP_BLOCK_INFO_H_
#define ELEGY_SRC_HEAP_BLOCK_INFO_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "src/heap/shape.h"

namespace elegy::internal {

enum class BlockKind : std::uint8_t { kFree, kSmall, kLargeHead, kLargeRest };

// A block's word, as it was read at one time.
class BlockWord {
 public:
  explicit BlockWord(std::uint32_t bits) : bits_(bits) {}
  BlockWord(BlockKind kind, std::uint32_t shape)
      : bits_(shape << kShapeShift | static_cast<std::uint32_t>(kind)) {}

  std::uint32_t bits() const { return bits_; }
  BlockKind Kind() const { return static_cast<BlockKind>(bits_ & kKindMask); }
  const Shape& GetShape() const { return g_shapes[bits_ >> kShapeShift]; }
  // Whether some object of the block has ever been a key of a weak map.
  bool HasWeakKeys() const { return (bits_ & kWeakKeys) != 0; }
  // Whether some constructor of an object of the block has ever thrown.
  bool HasFailed() const { return (bits_ & kFailed) != 0; }

  static constexpr std::uint32_t kWeakKeys = 4;
  static constexpr std::uint32_t kFailed = 8;

 private:
  static constexpr std::uint32_t kKindMask = 3;
  static constexpr int kShapeShift = 4;

  std::uint32_t bits_;
};

// What is seldom needed.
struct BlockRest {
  std::atomic<std::uint32_t> head_delta{0};
  std::atomic<std::uint32_t> epoch{0};
};

// A block's entries in both tables.
class BlockInfo {
 public:
  BlockInfo(std::atomic<std::uint32_t>& word, BlockRest& rest) : word_(&word), rest_(&rest) {}

  // Acquire: pairs with the release in Describe.
  BlockKind Kind() const { return BlockWord(word_->load(std::memory_order_acquire)).Kind(); }

  // The rest may be read once Kind() has said that the block is used, or by who holds a pointer to
  // an object in it. Relaxed, all of them: ordered by Kind(), or by how that pointer came.
  BlockWord Word() const { return BlockWord(Get(*word_)); }
  const TypeInfo* Type() const { return Word().GetShape().type; }
  // Small: the distance between two objects. Large: 0.
  std::uint32_t Stride() const { return IsSmall() ? Word().GetShape().stride : 0; }
  // Small: how many objects fit. Large: 1.
  std::size_t Capacity() const { return IsSmall() ? Word().GetShape().capacity : 1; }
  // For a continuation, how many blocks before it the head is; otherwise 0.
  std::uint32_t HeadDelta() const { return Get(rest_->head_delta); }
  // The cycle in which the block was last swept, or taken fresh.
  std::uint32_t Epoch() const { return Get(rest_->epoch); }
  void SetEpoch(std::uint32_t epoch) { Put(rest_->epoch, epoch); }

  // Noted by who inserts the entry, under the map's lock; for the time that the block is used.
  // Relaxed: see src/mark/ephemerons.h for what orders it.
  void SetHasWeakKeys() {
    if (!Word().HasWeakKeys()) word_->fetch_or(BlockWord::kWeakKeys, std::memory_order_relaxed);
  }

  // Noted when a cell is reserved. Relaxed: see src/heap/failed_objects.h for what orders it.
  void SetHasFailed() {
    if (!Word().HasFailed()) word_->fetch_or(BlockWord::kFailed, std::memory_order_relaxed);
  }

  // `shape`: the number of the space, or that of the large object's type. Release: pairs with Kind.
  void Describe(BlockKind kind, std::uint32_t shape, std::uint32_t head_delta,
                std::uint32_t epoch) {
    Put(rest_->head_delta, head_delta);
    SetEpoch(epoch);
    word_->store(BlockWord(kind, shape).bits(), std::memory_order_release);  // last, as said above
  }

  // Release: pairs with Kind; only in the sweep.
  void SetFree() { word_->store(0, std::memory_order_release); }

 private:
  bool IsSmall() const { return Word().Kind() == BlockKind::kSmall; }

  // Relaxed: see Word.
  static std::uint32_t Get(const std::atomic<std::uint32_t>& field) {
    return field.load(std::memory_order_relaxed);
  }
  static void Put(std::atomic<std::uint32_t>& field, std::uint32_t value) {
    field.store(value, std::memory_order_relaxed);  // as Get
  }

  std::atomic<std::uint32_t>* word_;
  BlockRest* rest_;
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_HEAP_BLOCK_INFO_H_
