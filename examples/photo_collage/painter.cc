#include "examples/photo_collage/painter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "examples/photo_collage/raster.h"
#include "examples/photo_collage/resample.h"

namespace photo_collage {
namespace {

Rect Clipped(const Rect& rect, Size canvas) {
  const int left = std::clamp(rect.x, 0, canvas.width);
  const int top = std::clamp(rect.y, 0, canvas.height);
  const int right = std::clamp(rect.x + rect.width, left, canvas.width);
  const int bottom = std::clamp(rect.y + rect.height, top, canvas.height);
  return {left, top, right - left, bottom - top};
}

std::uint8_t Blend(std::uint8_t below, std::uint8_t above, double opacity) {
  return static_cast<std::uint8_t>(std::lround(below + (above - below) * opacity));
}

void BlendPixel(std::uint8_t* pixel, Colour colour, double opacity) {
  pixel[0] = Blend(pixel[0], colour.red, opacity);
  pixel[1] = Blend(pixel[1], colour.green, opacity);
  pixel[2] = Blend(pixel[2], colour.blue, opacity);
}

// How much of a blurred bar from `begin` to `end` is seen at each of `count` pixels from `first`.
std::vector<double> BlurredBar(double begin, double end, double blur, int first, int count) {
  std::vector<double> coverage(static_cast<std::size_t>(count));
  const double scale = 2.0 / blur;  // half the blur is a standard deviation times sqrt(2)
  for (int i = 0; i < count; ++i) {
    const double at = first + i + 0.5;
    coverage[static_cast<std::size_t>(i)] =
        (std::erf((at - begin) * scale) - std::erf((at - end) * scale)) / 2;
  }
  return coverage;
}

}  // namespace

void PaintGradient(MutablePixelView canvas, Colour top, Colour bottom) {
  // A 4x4 ordered dither: thresholds in sixteenths.
  constexpr std::array<std::array<int, 4>, 4> kDither = {
      {{{0, 8, 2, 10}}, {{12, 4, 14, 6}}, {{3, 11, 1, 9}}, {{15, 7, 13, 5}}}};
  for (int y = 0; y < canvas.size.height; ++y) {
    const double at = (y + 0.5) / canvas.size.height;
    const double red = top.red + (bottom.red - top.red) * at;
    const double green = top.green + (bottom.green - top.green) * at;
    const double blue = top.blue + (bottom.blue - top.blue) * at;
    std::uint8_t* pixel = canvas.Row(y);
    for (int x = 0; x < canvas.size.width; ++x, pixel += kChannels) {
      const int step = kDither[static_cast<std::size_t>(y % 4)][static_cast<std::size_t>(x % 4)];
      const double threshold = (step + 0.5) / 16;
      pixel[0] = static_cast<std::uint8_t>(red + threshold);
      pixel[1] = static_cast<std::uint8_t>(green + threshold);
      pixel[2] = static_cast<std::uint8_t>(blue + threshold);
    }
  }
}

void PaintRect(MutablePixelView canvas, const Rect& rect, Colour colour, double opacity) {
  const Rect area = Clipped(rect, canvas.size);
  for (int y = area.y; y < area.y + area.height; ++y) {
    std::uint8_t* pixel = canvas.At(area.x, y);
    for (int x = 0; x < area.width; ++x, pixel += kChannels) BlendPixel(pixel, colour, opacity);
  }
}

void PaintShadow(MutablePixelView canvas, const Rect& rect, double blur, double opacity) {
  // A blurred rectangle is a blurred bar times a blurred bar.
  const Rect area = Clipped(Grown(rect, static_cast<int>(std::ceil(blur))), canvas.size);
  const std::vector<double> across =
      BlurredBar(rect.x, rect.x + rect.width, blur, area.x, area.width);
  const std::vector<double> down =
      BlurredBar(rect.y, rect.y + rect.height, blur, area.y, area.height);
  for (int y = 0; y < area.height; ++y) {
    std::uint8_t* pixel = canvas.At(area.x, area.y + y);
    const double row = opacity * down[static_cast<std::size_t>(y)];
    for (int x = 0; x < area.width; ++x, pixel += kChannels) {
      BlendPixel(pixel, Colour{}, row * across[static_cast<std::size_t>(x)]);
    }
  }
}

void PaintPicture(MutablePixelView canvas, const Rect& rect, PixelView picture) {
  const Rect area = Clipped(rect, canvas.size);
  if (area.width == 0 || area.height == 0) return;
  Resample(picture, canvas.Part(area));
}

Rect Grown(const Rect& rect, int by) {
  return {rect.x - by, rect.y - by, rect.width + 2 * by, rect.height + 2 * by};
}

}  // namespace photo_collage
