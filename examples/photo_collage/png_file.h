// Reads and writes PNG files with libpng.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_PNG_FILE_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_PNG_FILE_H_

#include <cstdio>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "examples/photo_collage/raster.h"

namespace photo_collage {

// Decodes the PNG image at the beginning of `file`; what is transparent in it lets a slate grey
// through, on which light and dark drawings show.
absl::StatusOr<Raster> ReadPng(std::FILE* file);

absl::Status WritePng(const std::string& path, PixelView pixels);

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_PNG_FILE_H_
