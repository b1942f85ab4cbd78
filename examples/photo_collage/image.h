// The managed side of a picture.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_IMAGE_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_IMAGE_H_

#include <atomic>
#include <cstdint>

#include <elegy/elegy.h>

#include "examples/photo_collage/pixel_ledger.h"
#include "examples/photo_collage/raster.h"

namespace photo_collage {

// A tiny managed object that stands for megabytes of native pixels. It does not own them: the
// record in the cache's registry does, which outlives it.
class Image {
 public:
  explicit Image(const PixelBuffer& buffer) : buffer_(buffer) {}

  std::uint64_t buffer_id() const { return buffer_.id; }
  Size size() const { return buffer_.size; }

  // The pixels; none once the image is closed. They stay as long as the image is reachable and not
  // closed: who reads them keeps the image.
  PixelView pixels() const {
    // acquire: pairs with the release in MarkClosed().
    if (closed_.load(std::memory_order_acquire)) return {};
    return buffer_.view();
  }

  void MarkClosed() { closed_.store(true, std::memory_order_release); }

 private:
  PixelBuffer buffer_;
  std::atomic<bool> closed_ = false;
};

}  // namespace photo_collage

template <>
inline constexpr bool elegy::kHasNoSlots<photo_collage::Image> = true;

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_IMAGE_H_
