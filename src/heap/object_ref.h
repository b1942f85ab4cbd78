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
  const BlockInfo* info;

  // O(1): a side-table look-up and a multiplication. The address must lie in a used block.
  static ObjectRef Of(const BlockPool& pool, const void* address) {
    std::size_t block = pool.BlockOf(address);
    const BlockInfo* info = &pool.Info(block);
    const std::uint32_t delta = info->HeadDelta();
    if (delta != 0) [[unlikely]] {
      block -= delta;
      info = &pool.Info(block);
      return {block, 0, pool.Address(block), info};
    }
    const auto offset = reinterpret_cast<std::uintptr_t>(address) & (kBlockBytes - 1);
    const std::size_t index = (offset * info->Reciprocal()) >> 32;
    return {block, index, pool.Address(block) + index * info->Stride(), info};
  }
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_HEAP_OBJECT_REF_H_
