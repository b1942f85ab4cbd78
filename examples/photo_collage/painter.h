// The brushes a collage is painted with. All of them stay within the canvas.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_PAINTER_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_PAINTER_H_

#include <cstdint>

#include "examples/photo_collage/raster.h"

namespace photo_collage {

struct Colour {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
};

// A vertical gradient over the whole canvas, dithered so that it shows no bands.
void PaintGradient(MutablePixelView canvas, Colour top, Colour bottom);

// A flat rectangle; opacity 0 paints nothing, 1 covers what was there.
void PaintRect(MutablePixelView canvas, const Rect& rect, Colour colour, double opacity);

// The soft shadow of an opaque rectangle, `blur` pixels wide on each side of its edges.
void PaintShadow(MutablePixelView canvas, const Rect& rect, double blur, double opacity);

// The picture, scaled to the rectangle.
void PaintPicture(MutablePixelView canvas, const Rect& rect, PixelView picture);

// `rect` with its edges moved outwards by `by` pixels.
Rect Grown(const Rect& rect, int by);

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_PAINTER_H_
