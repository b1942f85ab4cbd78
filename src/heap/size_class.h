// The sizes in which small arrays are allocated: about four to a doubling, so that rounding up
// wastes at most a quarter beyond the first few.

#ifndef ELEGY_SRC_HEAP_SIZE_CLASS_H_
#define ELEGY_SRC_HEAP_SIZE_CLASS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "elegy/internal/layout.h"

namespace elegy::internal {

// The last ones are what fits five, four, three and two times into a block, in units of 64 bytes.
inline constexpr std::array<std::uint32_t, 32> kArraySizes = {
    16,  32,  48,  64,   80,   96,   112,  128,  160,  192,  224,  256,  320,  384,  448,  512,
    640, 768, 896, 1024, 1280, 1472, 1600, 1792, 2048, 2304, 2688, 3264, 4096, 5440, 6144, 8192};

inline constexpr std::size_t kArrayClasses = kArraySizes.size();

static_assert(kArraySizes.back() == kMaxSmallBytes);
static_assert([] {
  for (std::size_t i = 1; i < kArrayClasses; i++) {
    if (kArraySizes[i] <= kArraySizes[i - 1] || kArraySizes[i] % 16 != 0) return false;
  }
  return true;
}());

// The least class whose size holds `bytes` and is a multiple of `alignment`.
constexpr std::size_t ArrayClassOf(std::size_t bytes, std::size_t alignment) {
  std::size_t index = 0;
  while (kArraySizes[index] < bytes || kArraySizes[index] % alignment != 0) index++;
  return index;
}

}  // namespace elegy::internal

#endif  // ELEGY_SRC_HEAP_SIZE_CLASS_H_
