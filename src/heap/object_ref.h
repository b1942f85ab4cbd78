// From any address inside an object to the object.

#ifndef ELEGY_SRC_HEAP_OBJECT_REF_H_
#define ELEGY_SRC_HEAP_OBJECT_REF_H_

#include <cstddef>
#include <cstdint>

#include "src/heap/block_pool.h"

namespace elegy::internal {

struct ObjectRef {
  std::size_t block;
  std::size_t index;
  void* start;

  // O(1): two side-table look-ups and a multiplication. The address must lie in a used block.
  static ObjectRef Of(const BlockPool& pool, const void* address) {
    const std::size_t block = pool.BlockOf(address);
    const BlockWord word = pool.Info(block).Word();
    if (word.Kind() != BlockKind::kSmall) [[unlikely]] {
      const std::size_t head = block - pool.Info(block).HeadDelta();
      return {head, 0, pool.Address(head)};
    }
    const Shape& shape = word.GetShape();
    const auto offset = reinterpret_cast<std::uintptr_t>(address) & (kBlockBytes - 1);
    const std::size_t index = (offset * shape.reciprocal) >> 32;
    return {block, index, pool.Address(block) + index * shape.stride};
  }
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_HEAP_OBJECT_REF_H_
