// What a photograph may ask for.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_LIMITS_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_LIMITS_H_

#include <cstdint>

namespace photo_collage {

// Larger pictures are refused before anything is allocated for them: a file of a few bytes may
// claim any size. 2^27 pixels are 384 MiB.
inline constexpr std::uint64_t kMaxPhotoPixels = std::uint64_t{1} << 27;

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_LIMITS_H_
