// Native pixel memory, and the books about it.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_PIXEL_LEDGER_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_PIXEL_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "examples/photo_collage/raster.h"

namespace photo_collage {

// A native pixel buffer: a plain value that says where the pixels are, not who owns them.
struct PixelBuffer {
  std::uint64_t id = 0;  // never used again for another buffer
  std::uint8_t* data = nullptr;
  Size size;

  std::size_t bytes() const { return PixelBytes(size); }
  MutablePixelView view() const { return {data, size, std::ptrdiff_t{size.width} * kChannels}; }
};

struct LedgerCounts {
  std::uint64_t allocated = 0;
  std::uint64_t freed = 0;
  std::uint64_t freed_twice = 0;  // attempts to free what was not, or no longer, there
  std::size_t live_bytes = 0;
  std::size_t peak_bytes = 0;

  std::uint64_t leaked() const { return allocated - freed; }
};

// Allocates and frees pixel buffers and counts both. It is the malloc() of this program and no
// owner: a buffer nobody frees is leaked, which the counts show, and LeakSanitizer too, for the
// ledger's end does not free it. To free a buffer twice is counted and does no harm.
// Safe to use from all threads.
class PixelLedger {
 public:
  PixelLedger() = default;
  PixelLedger(const PixelLedger&) = delete;
  PixelLedger& operator=(const PixelLedger&) = delete;

  // Uninitialised pixels. Throws std::bad_alloc.
  PixelBuffer Allocate(Size size);

  // Frees the buffer with this id; false, and counted, if there is none.
  bool Free(std::uint64_t id);

  LedgerCounts counts() const;

 private:
  struct Block {
    std::uint8_t* data;
    std::size_t bytes;
  };

  mutable std::mutex mutex_;
  std::uint64_t last_id_ = 0;                        // guarded by mutex_
  std::unordered_map<std::uint64_t, Block> blocks_;  // guarded by mutex_
  LedgerCounts counts_;                              // guarded by mutex_
};

// A buffer with one owner, on its way from the decoder to an Image.
class OwnedPixels {
 public:
  OwnedPixels(PixelLedger& ledger, Size size) : ledger_(&ledger), buffer_(ledger.Allocate(size)) {}
  OwnedPixels(OwnedPixels&& other) noexcept : ledger_(other.ledger_), buffer_(other.Release()) {}
  OwnedPixels& operator=(OwnedPixels&&) = delete;
  ~OwnedPixels() {
    if (buffer_.id != 0) ledger_->Free(buffer_.id);
  }

  const PixelBuffer& buffer() const { return buffer_; }

  // The caller takes over to free the buffer.
  PixelBuffer Release() {
    PixelBuffer released = buffer_;
    buffer_ = {};
    return released;
  }

 private:
  PixelLedger* ledger_;
  PixelBuffer buffer_;
};

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_PIXEL_LEDGER_H_
