// libpng's simplified interface reports errors by return value and jumps over no frame of ours.

#include "examples/photo_collage/png_file.h"

#include <png.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "examples/photo_collage/limits.h"
#include "examples/photo_collage/raster.h"

namespace photo_collage {
namespace {

constexpr png_color kBehind = {84, 96, 106};

}  // namespace

absl::StatusOr<Raster> ReadPng(std::FILE* file) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  absl::Cleanup free_image = [&image] { png_image_free(&image); };
  const auto error = [&image] {
    return absl::DataLossError(absl::StrCat("damaged PNG: ", image.message));
  };
  if (!png_image_begin_read_from_stdio(&image, file)) return error();
  if (std::uint64_t{image.width} * image.height > kMaxPhotoPixels) {
    return absl::InvalidArgumentError(
        absl::StrCat("a PNG of ", image.width, "x", image.height, " pixels is too large"));
  }
  image.format = PNG_FORMAT_RGB;
  Raster raster({static_cast<int>(image.width), static_cast<int>(image.height)});
  const MutablePixelView target = raster.mutable_view();
  if (!png_image_finish_read(&image, &kBehind, target.data, static_cast<int>(target.stride),
                             /*colormap=*/nullptr)) {
    return error();
  }
  return raster;
}

absl::Status WritePng(const std::string& path, PixelView pixels) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(pixels.size.width);
  image.height = static_cast<png_uint_32>(pixels.size.height);
  image.format = PNG_FORMAT_RGB;
  image.flags = PNG_IMAGE_FLAG_FAST;  // photographs hardly get smaller by trying harder
  if (!png_image_write_to_file(&image, path.c_str(), /*convert_to_8_bit=*/0, pixels.data,
                               static_cast<int>(pixels.stride), /*colormap=*/nullptr)) {
    return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", image.message));
  }
  return absl::OkStatus();
}

}  // namespace photo_collage
