// What the cache knows an image by.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_IMAGE_KEY_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_IMAGE_KEY_H_

#include <compare>
#include <string>

namespace photo_collage {

struct ImageKey {
  std::string path;
  int longest_edge = 0;  // pixels

  auto operator<=>(const ImageKey&) const = default;
};

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_IMAGE_KEY_H_
