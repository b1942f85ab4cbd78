// The command line.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_OPTIONS_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_OPTIONS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace photo_collage {

struct Options {
  std::string out = "collages";
  int threads = 2;
  int rounds = 12;
  int photos = 6;
  int width = 1920;
  int heap_mib = 16;
  bool verbose = false;
  bool help = false;
  std::vector<std::string> folders;
};

extern const char kUsage[];

// The error is one line for the user.
absl::StatusOr<Options> ParseOptions(const std::vector<std::string>& arguments);

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_OPTIONS_H_
