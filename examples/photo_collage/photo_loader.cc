#include "examples/photo_collage/photo_loader.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <system_error>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "examples/photo_collage/jpeg_reader.h"
#include "examples/photo_collage/pixel_ledger.h"
#include "examples/photo_collage/png_file.h"
#include "examples/photo_collage/raster.h"
#include "examples/photo_collage/resample.h"
#include "examples/photo_collage/tone.h"

namespace photo_collage {
namespace {

constexpr std::uint8_t kPngSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr std::uint8_t kJpegSignature[] = {0xff, 0xd8, 0xff};

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

absl::Status CannotRead(int error) {
  return absl::UnavailableError(
      absl::StrCat("cannot read it: ", std::generic_category().message(error)));
}

}  // namespace

absl::StatusOr<Raster> DecodePhoto(const std::string& path, int longest_edge) {
  const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) return CannotRead(errno);
  std::uint8_t begin[sizeof(kPngSignature)] = {};
  const std::size_t read = std::fread(begin, 1, sizeof(begin), file.get());
  if (std::ferror(file.get())) return CannotRead(errno);
  if (read == 0) return absl::DataLossError("the file is empty");
  std::rewind(file.get());
  if (std::memcmp(begin, kJpegSignature, sizeof(kJpegSignature)) == 0) {
    return ReadJpeg(file.get(), longest_edge);
  }
  if (std::memcmp(begin, kPngSignature, sizeof(kPngSignature)) == 0) return ReadPng(file.get());
  return absl::InvalidArgumentError("neither a JPEG nor a PNG file, whatever its name says");
}

absl::StatusOr<OwnedPixels> LoadPhoto(PixelLedger& ledger, const std::string& path,
                                      int longest_edge, Tone tone) try {
  absl::StatusOr<Raster> raster = DecodePhoto(path, longest_edge);
  if (!raster.ok()) return raster.status();
  OwnedPixels pixels(ledger, FitWithin(raster->size(), longest_edge));
  Resample(raster->view(), pixels.buffer().view());
  ApplyTone(pixels.buffer().view(), tone);
  return pixels;
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError("not enough memory to decode it");
}

}  // namespace photo_collage
