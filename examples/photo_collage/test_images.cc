#include "examples/photo_collage/test_images.h"

// jpeglib.h wants FILE and size_t declared before it.
#include <cstddef>
#include <cstdio>
// clang-format off
#include <jpeglib.h>
// clang-format on

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

#include "examples/photo_collage/raster.h"
#include "gtest/gtest.h"

namespace photo_collage {

namespace fs = std::filesystem;

TempFolder::TempFolder() {
  // Where the system wants such folders ($TMPDIR), with a name that mkdtemp makes unique.
  std::string name = (fs::temp_directory_path() / "photo_collage_test.XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "cannot make " << name;
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Raster Landscape(Size size, int seed) {
  Raster raster(size);
  const MutablePixelView view = raster.mutable_view();
  for (int y = 0; y < size.height; ++y) {
    std::uint8_t* pixel = view.Row(y);
    for (int x = 0; x < size.width; ++x, pixel += kChannels) {
      const double ridge = 0.5 + 0.2 * std::sin(x * 9.0 / size.width + seed);
      const double depth = static_cast<double>(y) / size.height - ridge;
      const bool corner = x < size.width / 4 && y < size.height / 4;
      const int light = corner ? 0 : depth < 0 ? 235 : 60 + static_cast<int>(150 * depth);
      pixel[0] = static_cast<std::uint8_t>(light * (4 + seed % 3) / 6);
      pixel[1] = static_cast<std::uint8_t>(light * (4 + seed / 3 % 3) / 6);
      pixel[2] = static_cast<std::uint8_t>(light * (4 + seed / 9 % 3) / 6);
    }
  }
  return raster;
}

std::string JpegBytes(const Raster& raster, int orientation) {
  jpeg_compress_struct codec = {};
  jpeg_error_mgr errors;
  codec.err = jpeg_std_error(&errors);
  jpeg_create_compress(&codec);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;  // NOLINT: libjpeg's type
  jpeg_mem_dest(&codec, &bytes, &size);
  codec.image_width = static_cast<JDIMENSION>(raster.size().width);
  codec.image_height = static_cast<JDIMENSION>(raster.size().height);
  codec.input_components = kChannels;
  codec.in_color_space = JCS_RGB;
  jpeg_set_defaults(&codec);
  jpeg_set_quality(&codec, 90, TRUE);
  jpeg_start_compress(&codec, TRUE);
  if (orientation != 0) {
    // A TIFF directory, big-endian, with one entry: tag 0x0112, type short, count 1, the value.
    std::string exif("Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0", 32);
    exif[25] = static_cast<char>(orientation);
    jpeg_write_marker(&codec, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(exif.data()),
                      static_cast<unsigned>(exif.size()));
  }
  for (int y = 0; y < raster.size().height; ++y) {
    JSAMPROW row = const_cast<JSAMPROW>(raster.view().Row(y));
    jpeg_write_scanlines(&codec, &row, 1);
  }
  jpeg_finish_compress(&codec);
  jpeg_destroy_compress(&codec);
  std::string result(reinterpret_cast<const char*>(bytes), size);
  std::free(bytes);
  return result;
}

void WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  if (!file.flush()) ADD_FAILURE() << "cannot write " << path;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace photo_collage
