// Pixels as this program sees them: RGB, three bytes each, sRGB encoded, rows from the top down.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_RASTER_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_RASTER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace photo_collage {

inline constexpr int kChannels = 3;

struct Size {
  int width = 0;
  int height = 0;
};

struct Rect {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
};

inline std::size_t PixelBytes(Size size) {
  return static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height) * kChannels;
}

// Borrowed pixels, to read.
struct PixelView {
  const std::uint8_t* data = nullptr;
  Size size;
  std::ptrdiff_t stride = 0;  // bytes from one row to the next

  bool empty() const { return data == nullptr || size.width <= 0 || size.height <= 0; }
  const std::uint8_t* Row(int y) const { return data + y * stride; }
  const std::uint8_t* At(int x, int y) const { return Row(y) + std::ptrdiff_t{x} * kChannels; }
};

// Borrowed pixels, to write.
struct MutablePixelView {
  std::uint8_t* data = nullptr;
  Size size;
  std::ptrdiff_t stride = 0;

  operator PixelView() const { return {data, size, stride}; }
  std::uint8_t* Row(int y) const { return data + y * stride; }
  std::uint8_t* At(int x, int y) const { return Row(y) + std::ptrdiff_t{x} * kChannels; }

  // The part of the view inside `rect`, which must lie within it.
  MutablePixelView Part(const Rect& rect) const {
    return {At(rect.x, rect.y), {rect.width, rect.height}, stride};
  }
};

// Scratch pixels with one owner: what a decoder yields and what a collage is painted on. Pixels
// that are shared between threads and outlive a function live in a PixelLedger instead.
class Raster {
 public:
  Raster() = default;
  explicit Raster(Size size) : size_(size), bytes_(PixelBytes(size)) {}

  Size size() const { return size_; }
  std::ptrdiff_t stride() const { return std::ptrdiff_t{size_.width} * kChannels; }
  PixelView view() const { return {bytes_.data(), size_, stride()}; }
  MutablePixelView mutable_view() { return {bytes_.data(), size_, stride()}; }

 private:
  Size size_;
  std::vector<std::uint8_t> bytes_;
};

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_RASTER_H_
