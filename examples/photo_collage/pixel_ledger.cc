#include "examples/photo_collage/pixel_ledger.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

namespace photo_collage {

PixelBuffer PixelLedger::Allocate(Size size) {
  const std::size_t bytes = PixelBytes(size);
  std::unique_ptr<std::uint8_t[]> data(new std::uint8_t[bytes]);
  std::lock_guard<std::mutex> lock(mutex_);
  const std::uint64_t id = ++last_id_;
  blocks_.emplace(id, Block{data.get(), bytes});
  ++counts_.allocated;
  counts_.live_bytes += bytes;
  counts_.peak_bytes = std::max(counts_.peak_bytes, counts_.live_bytes);
  return {id, data.release(), size};
}

bool PixelLedger::Free(std::uint64_t id) {
  std::uint8_t* data = nullptr;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = blocks_.find(id);
    if (found == blocks_.end()) {
      ++counts_.freed_twice;
      return false;
    }
    data = found->second.data;
    ++counts_.freed;
    counts_.live_bytes -= found->second.bytes;
    blocks_.erase(found);
  }
  delete[] data;
  return true;
}

LedgerCounts PixelLedger::counts() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return counts_;
}

}  // namespace photo_collage
