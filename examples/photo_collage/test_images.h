// Pictures for the tests, and a place for them.

#ifndef ELEGY_EXAMPLES_PHOTO_COLLAGE_TEST_IMAGES_H_
#define ELEGY_EXAMPLES_PHOTO_COLLAGE_TEST_IMAGES_H_

#include <filesystem>
#include <string>

#include "examples/photo_collage/raster.h"

namespace photo_collage {

// A folder that goes when the test ends.
class TempFolder {
 public:
  TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder();

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Hills in a colour of its own for each `seed`; the upper left corner is black.
Raster Landscape(Size size, int seed);

// The picture as a JPEG file. An orientation other than 0 is stated in EXIF data.
std::string JpegBytes(const Raster& raster, int orientation = 0);

void WriteFile(const std::string& path, const std::string& bytes);
std::string ReadFile(const std::string& path);

}  // namespace photo_collage

#endif  // ELEGY_EXAMPLES_PHOTO_COLLAGE_TEST_IMAGES_H_
