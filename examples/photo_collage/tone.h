// How the user has changed a photo.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_TONE_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_TONE_H_

#include "examples/photo_collage/raster.h"

namespace photo_collage {

enum class Tone { kColour, kMonochrome, kSepia };

const char* ToneName(Tone tone);
Tone NextTone(Tone tone);
void ApplyTone(MutablePixelView pixels, Tone tone);

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_TONE_H_
