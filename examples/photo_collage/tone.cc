#include "examples/photo_collage/tone.h"

#include <algorithm>
#include <cstdint>

namespace photo_collage {

const char* ToneName(Tone tone) {
  switch (tone) {
    case Tone::kColour:
      return "colour";
    case Tone::kMonochrome:
      return "black and white";
    case Tone::kSepia:
      return "sepia";
  }
  return "?";
}

Tone NextTone(Tone tone) {
  return tone == Tone::kColour       ? Tone::kMonochrome
         : tone == Tone::kMonochrome ? Tone::kSepia
                                     : Tone::kColour;
}

void ApplyTone(MutablePixelView pixels, Tone tone) {
  if (tone == Tone::kColour) return;
  for (int y = 0; y < pixels.size.height; ++y) {
    std::uint8_t* pixel = pixels.Row(y);
    for (int x = 0; x < pixels.size.width; ++x, pixel += kChannels) {
      // Rec. 601 luma in 1/256ths, then for sepia warm paper instead of white.
      const int luma = (77 * pixel[0] + 150 * pixel[1] + 29 * pixel[2]) >> 8;
      const bool sepia = tone == Tone::kSepia;
      pixel[0] = static_cast<std::uint8_t>(sepia ? std::min(255, luma * 17 / 16 + 6) : luma);
      pixel[1] = static_cast<std::uint8_t>(sepia ? luma * 15 / 16 : luma);
      pixel[2] = static_cast<std::uint8_t>(sepia ? luma * 12 / 16 : luma);
    }
  }
}

}  // namespace photo_collage
