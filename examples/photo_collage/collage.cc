#include "examples/photo_collage/collage.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

#include "examples/photo_collage/layout.h"
#include "examples/photo_collage/painter.h"
#include "examples/photo_collage/raster.h"

namespace photo_collage {
namespace {

// In pixels of a collage of the usual width.
constexpr int kUsualWidth = 1920;
constexpr int kMargin = 64;
constexpr int kGap = 36;
constexpr int kFrame = 10;
constexpr int kFall = 8;   // how far below a print its shadow lies
constexpr int kBlur = 22;  // and how soft it is
constexpr int kStripGap = 14;
constexpr int kStripHeight = 58;
constexpr int kStripRows = 3;
constexpr int kAccent = 3;
constexpr double kDimmed = 0.55;  // of a thumbnail whose photo is not shown

constexpr Theme kThemes[] = {
    {{246, 243, 237}, {224, 218, 208}, {255, 255, 255}, {196, 92, 48}, 0.42},  // paper
    {{52, 56, 64}, {28, 30, 36}, {244, 242, 238}, {240, 178, 74}, 0.75},       // slate
    {{214, 224, 222}, {176, 194, 194}, {255, 255, 255}, {30, 98, 110}, 0.45},  // sea
};

std::vector<Size> SizesOf(const std::vector<PixelView>& pictures) {
  std::vector<Size> sizes;
  sizes.reserve(pictures.size());
  for (const PixelView& picture : pictures) sizes.push_back(picture.size);
  return sizes;
}

}  // namespace

Collage::Collage(CollagePictures pictures, int width, int number)
    : pictures_(std::move(pictures)), width_(width) {
  const int margin = Scaled(kMargin);
  const int inner_width = width - 2 * margin;
  photo_rects_ = JustifiedRows(
      SizesOf(pictures_.photos),
      {.left = margin, .top = margin, .width = inner_width, .gap = Scaled(kGap), .aspect = 1.6});
  const int strip_top = BottomOf(photo_rects_, 0) + margin;
  strip_rects_ = CentredStrip(SizesOf(pictures_.thumbnails), {.left = margin,
                                                              .top = strip_top,
                                                              .width = inner_width,
                                                              .gap = Scaled(kStripGap),
                                                              .row_height = Scaled(kStripHeight),
                                                              .max_rows = kStripRows});
  const Theme& theme = kThemes[static_cast<std::size_t>(number) % std::size(kThemes)];
  canvas_ = Raster({width, BottomOf(strip_rects_, strip_top) + margin});
  PaintGradient(canvas_.mutable_view(), theme.top, theme.bottom);
  PaintPrints(theme);
  PaintStrip(theme);
}

void Collage::PaintPhoto(std::size_t index) {
  PaintPicture(canvas_.mutable_view(), photo_rects_[index], pictures_.photos[index]);
}

int Collage::Scaled(int pixels) const {
  return std::max(1, (pixels * width_ + kUsualWidth / 2) / kUsualWidth);
}

// Paper and shadow of the prints, without the photos.
void Collage::PaintPrints(const Theme& theme) {
  const MutablePixelView canvas = canvas_.mutable_view();
  for (const Rect& photo : photo_rects_) {
    const Rect print = Grown(photo, Scaled(kFrame));
    Rect fallen = print;
    fallen.y += Scaled(kFall);
    PaintShadow(canvas, fallen, Scaled(kBlur), theme.shadow);           // what the print blocks
    PaintShadow(canvas, print, Scaled(kFall) / 2.0, theme.shadow / 2);  // where it touches
    PaintRect(canvas, print, theme.frame, 1);
  }
}

void Collage::PaintStrip(const Theme& theme) {
  const MutablePixelView canvas = canvas_.mutable_view();
  for (std::size_t i = 0; i < strip_rects_.size(); ++i) {
    const Rect& rect = strip_rects_[i];
    if (pictures_.shown[i]) PaintRect(canvas, Grown(rect, Scaled(kAccent)), theme.accent, 1);
    PaintPicture(canvas, rect, pictures_.thumbnails[i]);
    if (!pictures_.shown[i]) PaintRect(canvas, rect, theme.bottom, kDimmed);
  }
}

}  // namespace photo_collage
