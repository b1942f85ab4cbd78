#include "examples/photo_collage/orientation.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace photo_collage {
namespace {

constexpr int kUpright = 1;
constexpr std::uint32_t kOrientationTag = 0x0112;
constexpr std::uint32_t kShortType = 3;
constexpr std::size_t kEntryBytes = 12;

// The TIFF structure inside an EXIF marker. Nothing in it is believed: a read past the end is 0.
class TiffReader {
 public:
  TiffReader(const std::uint8_t* data, std::size_t size)
      : data_(data), size_(size), big_endian_(size > 0 && data[0] == 'M') {}

  std::uint32_t Read16(std::size_t at) const { return Read(at, 2); }
  std::uint32_t Read32(std::size_t at) const { return Read(at, 4); }

 private:
  std::uint32_t Read(std::size_t at, std::size_t bytes) const {
    if (at > size_ || size_ - at < bytes) return 0;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value = value << 8 | data_[at + (big_endian_ ? i : bytes - 1 - i)];
    }
    return value;
  }

  const std::uint8_t* data_;
  std::size_t size_;
  bool big_endian_;
};

}  // namespace

int ExifOrientation(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kHeaderBytes = 6;
  if (size < kHeaderBytes || std::memcmp(data, "Exif\0\0", kHeaderBytes) != 0) return kUpright;
  const TiffReader tiff(data + kHeaderBytes, size - kHeaderBytes);
  const std::size_t directory = tiff.Read32(4);
  const std::uint32_t entries = tiff.Read16(directory);
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntryBytes;
    if (tiff.Read16(entry) != kOrientationTag || tiff.Read16(entry + 2) != kShortType) continue;
    const int orientation = static_cast<int>(tiff.Read16(entry + 8));
    return orientation >= 1 && orientation <= 8 ? orientation : kUpright;
  }
  return kUpright;
}

Raster Upright(Raster raster, int orientation) {
  if (orientation <= kUpright || orientation > 8) return raster;
  // How to find the pixel that belongs at (x, y): swap the axes, then count from the far end.
  const bool swap_axes = orientation >= 5;
  const bool flip_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool flip_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const Size from = raster.size();
  Raster upright(swap_axes ? Size{from.height, from.width} : from);
  const PixelView source = raster.view();
  const MutablePixelView target = upright.mutable_view();
  for (int y = 0; y < target.size.height; ++y) {
    std::uint8_t* out = target.Row(y);
    for (int x = 0; x < target.size.width; ++x, out += kChannels) {
      const int across = swap_axes ? y : x;
      const int down = swap_axes ? x : y;
      const int source_x = flip_x ? from.width - 1 - across : across;
      const int source_y = flip_y ? from.height - 1 - down : down;
      std::copy_n(source.At(source_x, source_y), kChannels, out);
    }
  }
  return upright;
}

}  // namespace photo_collage
