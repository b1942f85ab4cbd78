// Where the pictures of a collage go.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_LAYOUT_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_LAYOUT_H_

#include <vector>

#include "examples/photo_collage/raster.h"

namespace photo_collage {

// Lays pictures out in rows that all span from `left` to `left + width`, in their order and with
// their proportions: each row gets the height that makes it fit. The breaks between rows are those
// with the least sum of squared deviations from the height at which the whole would be `aspect`
// times as wide as high. A row that would be higher than `width` * 2 / 3 stays so high and is
// centred. Returns one rectangle per picture; the first row begins at `top`.
struct RowsFrame {
  int left = 0;
  int top = 0;
  int width = 0;
  int gap = 0;  // between pictures, both ways
  double aspect = 1.5;
};
std::vector<Rect> JustifiedRows(const std::vector<Size>& pictures, const RowsFrame& frame);

// Lays pictures out in centred rows of one height, as many rows as it takes but at most `max_rows`;
// what does not fit gets no rectangle.
struct StripFrame {
  int left = 0;
  int top = 0;
  int width = 0;
  int gap = 0;
  int row_height = 0;
  int max_rows = 0;
};
std::vector<Rect> CentredStrip(const std::vector<Size>& pictures, const StripFrame& frame);

// The lower edge of the lowest rectangle; `otherwise` if there is none.
int BottomOf(const std::vector<Rect>& rects, int otherwise);

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_LAYOUT_H_
