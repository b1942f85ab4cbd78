#include "examples/photo_collage/layout.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <vector>

#include "examples/photo_collage/raster.h"

namespace photo_collage {
namespace {

// A picture that is missing is laid out as a square.
double Aspect(Size size) {
  return size.height <= 0 ? 1.0 : static_cast<double>(size.width) / size.height;
}

// The height at which pictures with these proportions, side by side, fill the width.
double FittingHeight(double aspects, std::size_t count, const RowsFrame& frame) {
  const double gaps = static_cast<double>(count - 1) * frame.gap;
  return std::max(1.0, (frame.width - gaps) / aspects);
}

// The best ways to break the first i pictures into rows, for every i: where the last row begins.
std::vector<std::size_t> BestBreaks(const std::vector<Size>& pictures, const RowsFrame& frame) {
  double all_aspects = 0;
  for (Size size : pictures) all_aspects += Aspect(size);
  const double target = std::sqrt(frame.width * (frame.width / frame.aspect) / all_aspects);

  std::vector<double> cost(pictures.size() + 1, std::numeric_limits<double>::infinity());
  std::vector<std::size_t> row_begin(pictures.size() + 1, 0);
  cost[0] = 0;
  for (std::size_t end = 1; end <= pictures.size(); ++end) {
    double aspects = 0;
    for (std::size_t begin = end; begin-- > 0;) {
      aspects += Aspect(pictures[begin]);
      const double height = FittingHeight(aspects, end - begin, frame);
      // By the ratio, so that a row of twice the height is as bad as one of half of it.
      const double deviation = std::log(height / target);
      const double total = cost[begin] + deviation * deviation;
      if (total < cost[end]) {
        cost[end] = total;
        row_begin[end] = begin;
      }
      if (height < target / 8) break;  // longer rows only get worse
    }
  }
  return row_begin;
}

// Places pictures [begin, end) side by side; the last one takes up what rounding left over.
void PlaceRow(const std::vector<Size>& pictures, std::size_t begin, std::size_t end,
              const RowsFrame& frame, int top, std::vector<Rect>& rects) {
  double aspects = 0;
  for (std::size_t i = begin; i < end; ++i) aspects += Aspect(pictures[i]);
  const double fitting = FittingHeight(aspects, end - begin, frame);
  const double height = std::min(fitting, frame.width * 2.0 / 3.0);
  const double used = height * aspects + static_cast<double>(end - begin - 1) * frame.gap;
  double x = frame.left + (frame.width - used) / 2;
  for (std::size_t i = begin; i < end; ++i) {
    const double next = x + height * Aspect(pictures[i]);
    const int left = static_cast<int>(std::lround(x));
    const int right = std::max(left + 1, static_cast<int>(std::lround(next)));
    rects.push_back({left, top, right - left, std::max(1, static_cast<int>(std::lround(height)))});
    x = next + frame.gap;
  }
}

}  // namespace

std::vector<Rect> JustifiedRows(const std::vector<Size>& pictures, const RowsFrame& frame) {
  std::vector<Rect> rects;
  if (pictures.empty()) return rects;
  const std::vector<std::size_t> row_begin = BestBreaks(pictures, frame);
  std::vector<std::size_t> breaks;  // from the last to the first
  for (std::size_t end = pictures.size(); end > 0; end = row_begin[end]) breaks.push_back(end);

  int top = frame.top;
  std::size_t begin = 0;
  for (std::size_t row = breaks.size(); row-- > 0;) {
    PlaceRow(pictures, begin, breaks[row], frame, top, rects);
    top += rects.back().height + frame.gap;
    begin = breaks[row];
  }
  return rects;
}

std::vector<Rect> CentredStrip(const std::vector<Size>& pictures, const StripFrame& frame) {
  std::vector<Rect> rects;
  int top = frame.top;
  std::size_t begin = 0;
  for (int row = 0; row < frame.max_rows && begin < pictures.size(); ++row) {
    int used = -frame.gap;
    std::size_t end = begin;
    std::vector<int> widths;
    for (; end < pictures.size(); ++end) {
      const double exact = frame.row_height * Aspect(pictures[end]);
      const int width = std::clamp(static_cast<int>(std::lround(exact)), 1, frame.width);
      if (used + frame.gap + width > frame.width) break;
      used += frame.gap + width;
      widths.push_back(width);
    }
    int x = frame.left + (frame.width - used) / 2;
    for (int width : widths) {
      rects.push_back({x, top, width, frame.row_height});
      x += width + frame.gap;
    }
    top += frame.row_height + frame.gap;
    begin = end;
  }
  return rects;
}

int BottomOf(const std::vector<Rect>& rects, int otherwise) {
  return std::accumulate(rects.begin(), rects.end(), otherwise, [](int bottom, const Rect& rect) {
    return std::max(bottom, rect.y + rect.height);
  });
}

}  // namespace photo_collage
