// The same work with three kinds of cache, and what it cost.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_COMPARISON_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_COMPARISON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "examples/photo_collage/event_log.h"
#include "examples/photo_collage/image_cache.h"
#include "examples/photo_collage/options.h"
#include "examples/photo_collage/pixel_ledger.h"

namespace photo_collage {

struct RunResult {
  EventCounts events;
  LedgerCounts pixels;
  std::uint64_t collections = 0;
  double seconds = 0;
  int collages = 0;
  int unwritten = 0;

  // Every image's pixels were freed, once.
  bool Clean() const {
    return pixels.leaked() == 0 && pixels.freed_twice == 0 && events.fetched == events.cleaned();
  }
};

// One run on a heap of its own. Photos that cannot be read are dropped from `library`. Writes the
// collages if `out` names a folder.
RunResult RunOnce(const Options& options, CachePolicy policy, const std::string& out,
                  std::vector<std::string>& library);

// All three runs, the table, and a verdict: the program's exit status.
int Compare(const Options& options, std::vector<std::string> library);

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_COMPARISON_H_
