// A collage: photos in rows and, below them, the library's thumbnails as a contact strip.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_COLLAGE_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_COLLAGE_H_

#include <cstddef>
#include <vector>

#include "examples/photo_collage/painter.h"
#include "examples/photo_collage/raster.h"

namespace photo_collage {

struct Theme {
  Colour top, bottom;  // the background
  Colour frame;        // around a photo, as on a print
  Colour accent;       // around the thumbnails of the photos shown
  double shadow = 0.5;
};

struct CollagePictures {
  std::vector<PixelView> photos;
  std::vector<PixelView> thumbnails;
  std::vector<bool> shown;  // which thumbnails' photos are in the collage
};

// Knows native pixels only; whoever lends them keeps them.
class Collage {
 public:
  // Lays out the collage, `width` pixels wide, and paints all of it but the photos. `number`
  // chooses the theme.
  Collage(CollagePictures pictures, int width, int number);

  // Paints a photo; different photos may be painted at once.
  void PaintPhoto(std::size_t index);

  PixelView pixels() const { return canvas_.view(); }

 private:
  int Scaled(int pixels) const;  // what is so many pixels in a collage of the usual width
  void PaintPrints(const Theme& theme);
  void PaintStrip(const Theme& theme);

  CollagePictures pictures_;
  int width_;
  std::vector<Rect> photo_rects_;
  std::vector<Rect> strip_rects_;
  Raster canvas_;
};

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_COLLAGE_H_
