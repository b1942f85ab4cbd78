// The side table of the heap's blocks: what each holds, without touching the block itself.
//
// A block is free, or holds small objects of one type, or is the head or the continuation of a
// large object's span. It becomes used by its owner's Describe (a mutator that has taken it from
// the pool), and free again in the sweep; never while the heap is marking. Readers of other blocks
// (the marker, barriers, stack scans) may come at any time: `kind` is published last, with release,
// and read first, with acquire, so that whoever sees a used kind sees the rest.

#ifndef ELEGY_SRC_HEAP_BLOCK_INFO_H_
#define ELEGY_SRC_HEAP_BLOCK_INFO_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "elegy/internal/layout.h"
#include "elegy/internal/type_info.h"

namespace elegy::internal {

enum class BlockKind : std::uint8_t { kFree, kSmall, kLargeHead, kLargeRest };

class BlockInfo {
 public:
  // Acquire: pairs with the release in Describe.
  BlockKind Kind() const { return kind_.load(std::memory_order_acquire); }

  // The rest may be read once Kind() has said that the block is used, or by who holds a pointer to
  // an object in it. Relaxed, all of them: ordered by Kind(), or by how that pointer came.
  const TypeInfo* Type() const { return Get(type_); }
  std::uint32_t Stride() const { return Get(stride_); }
  std::uint32_t Reciprocal() const { return Get(reciprocal_); }
  // For a continuation, how many blocks before it the head is; otherwise 0.
  std::uint32_t HeadDelta() const { return Get(head_delta_); }
  // The cycle in which the block was last swept, or taken fresh.
  std::uint32_t Epoch() const { return Get(epoch_); }
  void SetEpoch(std::uint32_t epoch) { Put(epoch_, epoch); }

  // Small: how many objects fit. Large: 1.
  std::size_t Capacity() const {
    const std::uint32_t stride = Stride();
    return stride == 0 ? 1 : kBlockBytes / stride;
  }

  // Whether some object of the block has ever been a key of a weak map. Set by who inserts the
  // entry, under the map's lock. Relaxed: see src/mark/ephemerons.h for what orders it.
  bool HasWeakKeys() const { return Get(has_weak_keys_); }
  void SetHasWeakKeys() {
    if (!HasWeakKeys()) Put(has_weak_keys_, true);
  }

  // stride 0 stands for a large object. Release: pairs with Kind.
  void Describe(BlockKind kind, const TypeInfo* type, std::uint32_t stride,
                std::uint32_t head_delta, std::uint32_t epoch) {
    Put(type_, type);
    Put(stride_, stride);
    Put(reciprocal_, stride == 0 ? 0 : ReciprocalOf(stride));
    Put(head_delta_, head_delta);
    SetEpoch(epoch);
    Put(has_weak_keys_, false);
    kind_.store(kind, std::memory_order_release);  // last, as said above
  }

  // Release: pairs with Kind; only in the sweep.
  void SetFree() { kind_.store(BlockKind::kFree, std::memory_order_release); }

 private:
  // Relaxed: see Type.
  template <class T>
  static T Get(const std::atomic<T>& field) {
    return field.load(std::memory_order_relaxed);
  }
  template <class T>
  static void Put(std::atomic<T>& field, std::type_identity_t<T> value) {
    field.store(value, std::memory_order_relaxed);  // as Get
  }

  std::atomic<const TypeInfo*> type_{nullptr};
  std::atomic<std::uint32_t> stride_{0};
  std::atomic<std::uint32_t> reciprocal_{0};
  std::atomic<std::uint32_t> head_delta_{0};
  std::atomic<std::uint32_t> epoch_{0};
  std::atomic<BlockKind> kind_{BlockKind::kFree};
  std::atomic<bool> has_weak_keys_{false};
};

static_assert(sizeof(BlockInfo) == 32, "two to a cache line");

}  // namespace elegy::internal

#endif  // ELEGY_SRC_HEAP_BLOCK_INFO_H_
