// Which way up a camera held a picture: the orientation field of EXIF data.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_ORIENTATION_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_ORIENTATION_H_

#include <cstddef>
#include <cstdint>

#include "examples/photo_collage/raster.h"

namespace photo_collage {

// The orientation, 1 to 8, that the payload of a JPEG APP1 marker states; 1, upright, if it is not
// EXIF, is damaged or states none.
int ExifOrientation(const std::uint8_t* data, std::size_t size);

// `raster` turned and mirrored so that it stands upright.
Raster Upright(Raster raster, int orientation);

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_ORIENTATION_H_
