// Sizes of the heap's parts, and the arithmetic between them. Everything else derives from these.

#ifndef ELEGY_INTERNAL_LAYOUT_H_
#define ELEGY_INTERNAL_LAYOUT_H_

#include <bit>
#include <cstddef>
#include <cstdint>

namespace elegy::internal {

// A block holds objects of one type and one size, without headers.
inline constexpr int kBlockBits = 14;
inline constexpr std::size_t kBlockBytes = std::size_t{1} << kBlockBits;

// The distance between two objects of a block is a multiple of this, and at least kMinStride.
inline constexpr std::size_t kGranule = 8;
inline constexpr std::size_t kMinStride = 16;

// An object larger than this has blocks of its own.
inline constexpr std::size_t kMaxSmallBytes = kBlockBytes / 2;

// Managed types may ask for at most this alignment.
inline constexpr std::size_t kMaxAlignment = 64;

// One bit for each of the most objects that a block can hold.
inline constexpr std::size_t kMaxObjectsPerBlock = kBlockBytes / kMinStride;
inline constexpr std::size_t kWordsPerBlock = kMaxObjectsPerBlock / 64;

// Fresh memory is committed, and asked to be backed by huge pages, in chunks of this size.
inline constexpr std::size_t kChunkBytes = std::size_t{2} << 20;
inline constexpr std::size_t kBlocksPerChunk = kChunkBytes / kBlockBytes;

static_assert(kMinStride % kGranule == 0);
static_assert(kMaxObjectsPerBlock % 64 == 0);
static_assert(std::has_single_bit(kMaxAlignment) && kBlockBytes % kMaxAlignment == 0);
static_assert(kChunkBytes % kBlockBytes == 0);

constexpr std::size_t RoundUp(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// The distance between two objects of a type with this size and alignment.
constexpr std::size_t StrideOf(std::size_t size, std::size_t alignment) {
  const std::size_t unit = alignment > kGranule ? alignment : kGranule;
  const std::size_t stride = RoundUp(size, unit);
  return stride < kMinStride ? RoundUp(kMinStride, unit) : stride;
}

// Multiplying an offset below kBlockBytes by this and keeping the upper 32 bits divides it by
// `stride`: the error of rounding up is below offset * stride / 2^32 < 1 / stride.
constexpr std::uint32_t ReciprocalOf(std::uint32_t stride) {
  return static_cast<std::uint32_t>(((std::uint64_t{1} << 32) + stride - 1) / stride);
}

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_LAYOUT_H_
