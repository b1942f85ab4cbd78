// Reads JPEG files with libjpeg.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_JPEG_READER_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_JPEG_READER_H_

#include <cstdio>

#include "absl/status/statusor.h"
#include "examples/photo_collage/raster.h"

namespace photo_collage {

// Decodes the JPEG image at the beginning of `file`, upright. If at least `longest_edge` pixels
// remain it is scaled by a half, a quarter or an eighth on the way, which is much faster than to
// decode all of it. A file that ends early is an error, not a picture with a grey bottom.
absl::StatusOr<Raster> ReadJpeg(std::FILE* file, int longest_edge);

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_JPEG_READER_H_
