// Finding and reading photos, sound and otherwise.

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "examples/photo_collage/photo_finder.h"
#include "examples/photo_collage/photo_loader.h"
#include "examples/photo_collage/pixel_ledger.h"
#include "examples/photo_collage/png_file.h"
#include "examples/photo_collage/raster.h"
#include "examples/photo_collage/test_images.h"
#include "examples/photo_collage/tone.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace photo_collage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string ErrorOf(const absl::StatusOr<Raster>& raster) {
  return std::string(raster.status().message());
}

TEST(PhotoFilesTest, ReadsJpegAndPngWhateverTheName) {
  const TempFolder folder;
  WriteFile(folder / "a.png", JpegBytes(Landscape({320, 200}, 1)));
  ASSERT_TRUE(WritePng(folder / "b.jpg", Landscape({320, 200}, 2).view()).ok());
  for (const char* name : {"a.png", "b.jpg"}) {
    const absl::StatusOr<Raster> raster = DecodePhoto(folder / name, 1000);
    ASSERT_TRUE(raster.ok()) << raster.status();
    EXPECT_EQ(raster->size().width, 320);
    EXPECT_EQ(raster->size().height, 200);
  }
}

TEST(PhotoFilesTest, JpegsAreScaledWhileDecodedButNotTooFar) {
  const TempFolder folder;
  WriteFile(folder / "a.jpg", JpegBytes(Landscape({800, 400}, 1)));
  for (const int edge : {801, 800, 401, 400, 200, 150, 100, 10}) {
    const absl::StatusOr<Raster> raster = DecodePhoto(folder / "a.jpg", edge);
    ASSERT_TRUE(raster.ok()) << raster.status();
    EXPECT_EQ(raster->size().width, edge > 400 ? 800 : edge > 200 ? 400 : edge > 100 ? 200 : 100);
  }
}

TEST(PhotoFilesTest, TurnsWhatTheCameraHeldSideways) {
  const TempFolder folder;
  WriteFile(folder / "a.jpg", JpegBytes(Landscape({320, 200}, 1), /*orientation=*/6));
  const absl::StatusOr<Raster> raster = DecodePhoto(folder / "a.jpg", 1000);
  ASSERT_TRUE(raster.ok()) << raster.status();
  EXPECT_EQ(raster->size().width, 200);
  EXPECT_LT(*raster->view().At(199, 0), 40);  // the black corner, upper right
}

TEST(PhotoFilesTest, TruncatedFilesAreErrorsWhereverTheyEnd) {
  const TempFolder folder;
  const std::string jpeg = JpegBytes(Landscape({64, 48}, 1), /*orientation=*/3);
  ASSERT_TRUE(WritePng(folder / "whole.png", Landscape({64, 48}, 1).view()).ok());
  const std::string png = ReadFile(folder / "whole.png");
  for (const std::string& whole : {jpeg, png}) {
    for (std::size_t size = 0; size + 20 < whole.size(); size += 1 + whole.size() / 150) {
      WriteFile(folder / "part", whole.substr(0, size));
      EXPECT_FALSE(DecodePhoto(folder / "part", 64).ok()) << size << " of " << whole.size();
    }
  }
  WriteFile(folder / "part", jpeg.substr(0, jpeg.size() / 2));
  EXPECT_THAT(ErrorOf(DecodePhoto(folder / "part", 64)), HasSubstr("damaged JPEG: Premature end"));
}

TEST(PhotoFilesTest, DamagedFilesDoNoHarm) {
  const TempFolder folder;
  std::string jpeg = JpegBytes(Landscape({64, 48}, 1), /*orientation=*/3);
  for (std::size_t i = 3; i < jpeg.size(); i += 1 + jpeg.size() / 200) {
    std::string damaged = jpeg;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x55);
    WriteFile(folder / "damaged", damaged);
    DecodePhoto(folder / "damaged", 64).status().IgnoreError();
  }
}

TEST(PhotoFilesTest, SaysWhatIsWrong) {
  const TempFolder folder;
  WriteFile(folder / "text.png", "no picture\n");
  WriteFile(folder / "empty.jpg", "");
  EXPECT_THAT(ErrorOf(DecodePhoto(folder / "text.png", 10)), HasSubstr("neither a JPEG nor a PNG"));
  EXPECT_THAT(ErrorOf(DecodePhoto(folder / "empty.jpg", 10)), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf(DecodePhoto(folder / "none.jpg", 10)), HasSubstr("No such file"));
  EXPECT_THAT(ErrorOf(DecodePhoto(folder.path().string(), 10)), HasSubstr("Is a directory"));
}

TEST(PhotoFilesTest, HugePicturesAreRefused) {
  const TempFolder folder;
  std::string jpeg = JpegBytes(Landscape({64, 48}, 1));
  const std::size_t frame =
      jpeg.find("\xff\xc0");  // the frame's header: length, bits, height, width
  ASSERT_NE(frame, std::string::npos);
  jpeg.replace(frame + 5, 4, "\xff\x00\xff\x00", 4);
  WriteFile(folder / "huge.jpg", jpeg);
  EXPECT_THAT(ErrorOf(DecodePhoto(folder / "huge.jpg", 64)), HasSubstr("too large"));
}

TEST(PhotoFilesTest, FailedLoadsLeaveNoPixels) {
  const TempFolder folder;
  PixelLedger ledger;
  WriteFile(folder / "text.png", "no picture\n");
  EXPECT_FALSE(LoadPhoto(ledger, folder / "text.png", 10, Tone::kSepia).ok());
  WriteFile(folder / "a.jpg", JpegBytes(Landscape({320, 200}, 1)));
  EXPECT_TRUE(LoadPhoto(ledger, folder / "a.jpg", 160, Tone::kSepia).ok());
  EXPECT_EQ(ledger.counts().peak_bytes, 160u * 100 * 3);
  EXPECT_EQ(ledger.counts().leaked(), 0u);
}

TEST(PhotoFinderTest, FindsPhotosBelowOnceAndInOrder) {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "b/deep.jpg");
  for (const char* name : {"z.JPG", "b/deep.jpg/x.jpeg", "b/y.png", "b/readme.txt", "png"}) {
    WriteFile(folder / name, "");
  }
  std::filesystem::create_directory_symlink(folder.path(), folder / "b/loop");
  std::filesystem::create_symlink("nowhere", folder / "broken.jpg");
  EXPECT_THAT(FindPhotos({folder.path().string(), folder / "b", folder / "none"}),
              ElementsAre(folder / "b/deep.jpg/x.jpeg", folder / "b/y.png", folder / "broken.jpg",
                          folder / "z.JPG"));
}

}  // namespace
}  // namespace photo_collage
