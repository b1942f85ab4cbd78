// From a photo's file to native pixels of the size wanted.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_PHOTO_LOADER_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_PHOTO_LOADER_H_

#include <string>

#include "absl/status/statusor.h"
#include "examples/photo_collage/pixel_ledger.h"
#include "examples/photo_collage/raster.h"
#include "examples/photo_collage/tone.h"

namespace photo_collage {

// Decodes a JPEG or PNG file, whichever its first bytes say, at no less than `longest_edge` pixels
// if it has them. The error says what is wrong with the file, not which file.
absl::StatusOr<Raster> DecodePhoto(const std::string& path, int longest_edge);

// Decodes the photo, scales it down to fit `longest_edge` and applies `tone`.
absl::StatusOr<OwnedPixels> LoadPhoto(PixelLedger& ledger, const std::string& path,
                                      int longest_edge, Tone tone);

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_PHOTO_LOADER_H_
