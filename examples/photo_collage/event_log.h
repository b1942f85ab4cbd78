// What happens to the images: a line each, and the counts.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_EVENT_LOG_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_EVENT_LOG_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include "examples/photo_collage/image_key.h"
#include "examples/photo_collage/raster.h"

namespace photo_collage {

// Why an image's pixels were freed.
enum class CleanReason {
  kCollected,  // nobody held the image: the registry's callback
  kClosed,     // close() was called: the record was unregistered
  kShutdown,   // the heap was shut down and delivered what was left
};

struct EventCounts {
  std::uint64_t fetched = 0;
  std::uint64_t cached = 0;
  std::uint64_t collected = 0;
  std::uint64_t closed = 0;
  std::uint64_t shutdown = 0;
  std::uint64_t readded = 0;  // cleaned images whose key the cache had again by then

  std::uint64_t cleaned() const { return collected + closed + shutdown; }
};

// Safe to use from all threads.
class EventLog {
 public:
  // Counts always, prints to standard output if told to.
  explicit EventLog(bool print) : print_(print) {}

  void Fetched(const ImageKey& key, Size size);
  void Cached(const ImageKey& key, Size size);
  void Cleaned(const ImageKey& key, CleanReason reason, bool readded);
  void Note(const std::string& line);  // printed only

  EventCounts counts() const;

 private:
  void Print(const std::string& line);  // with mutex_ held

  const bool print_;
  mutable std::mutex mutex_;
  EventCounts counts_;  // guarded by mutex_
};

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_EVENT_LOG_H_
