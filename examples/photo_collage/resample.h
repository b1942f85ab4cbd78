// Scaling of pictures.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_RESAMPLE_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_RESAMPLE_H_

#include "examples/photo_collage/raster.h"

namespace photo_collage {

// The size of a picture of size `source` scaled down so that its longer edge is at most
// `longest_edge` pixels; never scaled up, never empty.
Size FitWithin(Size source, int longest_edge);

// Scales all of `source` to fill `target`. Along an axis that shrinks each target pixel is the
// average of the area it covers, exact to the fraction of a pixel; along one that grows it is
// interpolated linearly. Both work in linear light, so fine bright detail does not darken.
void Resample(PixelView source, MutablePixelView target);

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_RESAMPLE_H_
