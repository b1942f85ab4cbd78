#include "examples/photo_collage/event_log.h"

#include <cstdio>
#include <mutex>
#include <string>

#include "absl/strings/str_format.h"
#include "examples/photo_collage/image_key.h"
#include "examples/photo_collage/raster.h"

namespace photo_collage {
namespace {

std::string Describe(const char* event, const ImageKey& key, Size size) {
  return absl::StrFormat("%s %s at %d: %dx%d, %d KiB", event, key.path, key.longest_edge,
                         size.width, size.height, PixelBytes(size) >> 10);
}

const char* Name(CleanReason reason) {
  switch (reason) {
    case CleanReason::kCollected:
      return "collected";
    case CleanReason::kClosed:
      return "closed";
    case CleanReason::kShutdown:
      return "shutdown";
  }
  return "?";
}

}  // namespace

void EventLog::Fetched(const ImageKey& key, Size size) {
  std::lock_guard<std::mutex> lock(mutex_);
  ++counts_.fetched;
  if (print_) Print(Describe("FETCHED_IMAGE", key, size));
}

void EventLog::Cached(const ImageKey& key, Size size) {
  std::lock_guard<std::mutex> lock(mutex_);
  ++counts_.cached;
  if (print_) Print(Describe("CACHED_IMAGE", key, size));
}

void EventLog::Cleaned(const ImageKey& key, CleanReason reason, bool readded) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (reason == CleanReason::kCollected) ++counts_.collected;
  if (reason == CleanReason::kClosed) ++counts_.closed;
  if (reason == CleanReason::kShutdown) ++counts_.shutdown;
  if (readded) ++counts_.readded;
  if (!print_) return;
  Print(absl::StrFormat("CLEANED_IMAGE %s at %d: %s%s", key.path, key.longest_edge, Name(reason),
                        readded ? ", its entry stays: re-added meanwhile" : ""));
}

void EventLog::Note(const std::string& line) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (print_) Print(line);
}

void EventLog::Print(const std::string& line) { std::printf("%s\n", line.c_str()); }

EventCounts EventLog::counts() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return counts_;
}

}  // namespace photo_collage
