// Lines about what is wrong with the user's files.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_COMPLAIN_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_COMPLAIN_H_

#include <cstdio>
#include <string>

#include "absl/strings/string_view.h"

namespace photo_collage {

// One whole line on standard error, from any thread.
inline void Complain(const std::string& path, absl::string_view problem) {
  std::fprintf(stderr, "photo_collage: %s: %.*s\n", path.c_str(), static_cast<int>(problem.size()),
               problem.data());
}

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_COMPLAIN_H_
