#include "examples/photo_collage/resample.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace photo_collage {
namespace {

// ---- sRGB to linear light and back, by table ----

constexpr int kLinearSteps = 4095;

float DecodeSrgb(float encoded) {
  return encoded <= 0.04045f ? encoded / 12.92f : std::pow((encoded + 0.055f) / 1.055f, 2.4f);
}

float EncodeSrgb(float linear) {
  return linear <= 0.0031308f ? linear * 12.92f : 1.055f * std::pow(linear, 1.0f / 2.4f) - 0.055f;
}

struct SrgbTables {
  std::array<float, 256> to_linear;
  std::array<std::uint8_t, kLinearSteps + 1> from_linear;

  SrgbTables() {
    for (std::size_t i = 0; i < to_linear.size(); ++i) {
      to_linear[i] = DecodeSrgb(static_cast<float>(i) / 255.0f);
    }
    for (std::size_t i = 0; i < from_linear.size(); ++i) {
      const float encoded = EncodeSrgb(static_cast<float>(i) / kLinearSteps);
      from_linear[i] = static_cast<std::uint8_t>(std::lround(encoded * 255.0f));
    }
  }
};

const SrgbTables& Tables() {
  static const SrgbTables tables;
  return tables;
}

// ---- which source pixels make a target pixel, along one axis ----

struct Taps {
  int first;            // the first source pixel
  int count;            // how many of them
  std::size_t weights;  // where their weights begin
};

struct Kernel {
  std::vector<Taps> taps;  // one per target pixel
  std::vector<float> weights;
};

// Adds the taps of one target pixel; `weight(i)` is what source pixel i counts before scaling.
template <class Weight>
void AddTaps(Kernel& kernel, int first, int last, Weight weight) {
  const std::size_t begin = kernel.weights.size();
  double total = 0;
  for (int i = first; i <= last; ++i) total += weight(i);
  for (int i = first; i <= last; ++i) {
    kernel.weights.push_back(static_cast<float>(weight(i) / total));
  }
  kernel.taps.push_back({first, last - first + 1, begin});
}

Kernel MakeKernel(int source, int target) {
  Kernel kernel;
  kernel.taps.reserve(static_cast<std::size_t>(target));
  const double scale = static_cast<double>(source) / target;
  for (int t = 0; t < target; ++t) {
    if (scale >= 1.0) {
      const double begin = t * scale;
      const double end = std::min((t + 1) * scale, static_cast<double>(source));
      const int first = std::min(static_cast<int>(begin), source - 1);
      const int last = std::clamp(static_cast<int>(std::ceil(end)) - 1, first, source - 1);
      AddTaps(kernel, first, last, [begin, end](int i) {
        return std::max(1e-6, std::min(end, i + 1.0) - std::max(begin, static_cast<double>(i)));
      });
    } else {
      const double center = std::clamp((t + 0.5) * scale - 0.5, 0.0, source - 1.0);
      const int first = static_cast<int>(center);
      const int last = std::min(first + 1, source - 1);
      AddTaps(kernel, first, last,
              [center](int i) { return std::max(0.0, 1.0 - std::abs(center - i)); });
    }
  }
  return kernel;
}

// Rows of the source scaled to the target's width, in linear light. Neighbouring target rows share
// at most two source rows, so the last two are kept.
class ScaledRows {
 public:
  ScaledRows(PixelView source, int target_width)
      : source_(source), kernel_(MakeKernel(source.size.width, target_width)) {
    for (Slot& slot : slots_) slot.row.resize(static_cast<std::size_t>(target_width) * kChannels);
  }

  const std::vector<float>& Row(int y) {
    Slot& slot = slots_[static_cast<std::size_t>(y) % slots_.size()];
    if (slot.y != y) {
      Scale(source_.Row(y), slot.row);
      slot.y = y;
    }
    return slot.row;
  }

 private:
  struct Slot {
    int y = -1;
    std::vector<float> row;
  };

  void Scale(const std::uint8_t* source, std::vector<float>& row) const {
    const std::array<float, 256>& to_linear = Tables().to_linear;
    float* out = row.data();
    for (const Taps& taps : kernel_.taps) {
      const float* weight = kernel_.weights.data() + taps.weights;
      const std::uint8_t* pixel = source + std::ptrdiff_t{taps.first} * kChannels;
      float red = 0, green = 0, blue = 0;
      for (int i = 0; i < taps.count; ++i, pixel += kChannels) {
        red += weight[i] * to_linear[pixel[0]];
        green += weight[i] * to_linear[pixel[1]];
        blue += weight[i] * to_linear[pixel[2]];
      }
      *out++ = red;
      *out++ = green;
      *out++ = blue;
    }
  }

  PixelView source_;
  Kernel kernel_;
  std::array<Slot, 2> slots_;
};

}  // namespace

Size FitWithin(Size source, int longest_edge) {
  const int longest = std::max(source.width, source.height);
  if (longest <= longest_edge) return source;
  const double scale = static_cast<double>(longest_edge) / longest;
  return {std::max(1, static_cast<int>(std::lround(source.width * scale))),
          std::max(1, static_cast<int>(std::lround(source.height * scale)))};
}

void Resample(PixelView source, MutablePixelView target) {
  if (source.empty() || target.size.width <= 0 || target.size.height <= 0) return;
  ScaledRows rows(source, target.size.width);
  const Kernel kernel = MakeKernel(source.size.height, target.size.height);
  std::vector<float> sum(static_cast<std::size_t>(target.size.width) * kChannels);
  for (int y = 0; y < target.size.height; ++y) {
    std::fill(sum.begin(), sum.end(), 0.0f);
    const Taps& taps = kernel.taps[static_cast<std::size_t>(y)];
    for (int i = 0; i < taps.count; ++i) {
      const float weight = kernel.weights[taps.weights + static_cast<std::size_t>(i)];
      const std::vector<float>& row = rows.Row(taps.first + i);
      for (std::size_t x = 0; x < sum.size(); ++x) sum[x] += weight * row[x];
    }
    std::uint8_t* out = target.Row(y);
    for (std::size_t x = 0; x < sum.size(); ++x) {
      const float step = std::clamp(sum[x], 0.0f, 1.0f) * kLinearSteps + 0.5f;
      out[x] = Tables().from_linear[static_cast<std::size_t>(step)];
    }
  }
}

}  // namespace photo_collage
