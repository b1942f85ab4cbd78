// Scaling, turning, toning, laying out and counting pictures.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "examples/photo_collage/collage.h"
#include "examples/photo_collage/layout.h"
#include "examples/photo_collage/orientation.h"
#include "examples/photo_collage/pixel_ledger.h"
#include "examples/photo_collage/raster.h"
#include "examples/photo_collage/resample.h"
#include "examples/photo_collage/test_images.h"
#include "examples/photo_collage/tone.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace photo_collage {
namespace {

void SetGrey(MutablePixelView view, int x, int y, std::uint8_t grey) {
  std::fill_n(view.At(x, y), kChannels, grey);
}

int GreyAt(PixelView view, int x, int y) { return *view.At(x, y); }

TEST(ResampleTest, AveragesInLinearLight) {
  Raster checkers({2, 2});
  SetGrey(checkers.mutable_view(), 0, 0, 255);
  SetGrey(checkers.mutable_view(), 1, 1, 255);
  Raster one({1, 1});
  Resample(checkers.view(), one.mutable_view());
  EXPECT_EQ(GreyAt(one.view(), 0, 0), 188);  // half the light, not half of 255
}

TEST(ResampleTest, CountsPartsOfPixels) {
  Raster row({3, 1});
  SetGrey(row.mutable_view(), 1, 0, 255);
  Raster two({2, 1});
  Resample(row.view(), two.mutable_view());
  EXPECT_EQ(GreyAt(two.view(), 0, 0), 156);  // a third of the light
  EXPECT_EQ(GreyAt(two.view(), 1, 0), 156);
}

TEST(ResampleTest, KeepsFlatPicturesFlatAtAnySize) {
  Raster flat({7, 5});
  for (int y = 0; y < 5; ++y) {
    for (int x = 0; x < 7; ++x) SetGrey(flat.mutable_view(), x, y, 77);
  }
  for (const Size size : {Size{1, 1}, Size{3, 4}, Size{7, 5}, Size{20, 2}, Size{31, 33}}) {
    Raster scaled(size);
    Resample(flat.view(), scaled.mutable_view());
    for (int y = 0; y < size.height; ++y) {
      for (int x = 0; x < size.width; ++x) ASSERT_EQ(GreyAt(scaled.view(), x, y), 77);
    }
  }
}

TEST(ResampleTest, FitsWithoutEnlarging) {
  EXPECT_EQ(FitWithin({4000, 3000}, 1000).width, 1000);
  EXPECT_EQ(FitWithin({4000, 3000}, 1000).height, 750);
  EXPECT_EQ(FitWithin({300, 4000}, 100).height, 100);
  EXPECT_EQ(FitWithin({10'000, 1}, 100).height, 1);
  EXPECT_EQ(FitWithin({40, 30}, 1000).width, 40);
}

// Where the black corner of a landscape goes.
std::string CornerOf(const Raster& raster) {
  const Size size = raster.size();
  const bool left =
      GreyAt(raster.view(), 0, 0) == 0 || GreyAt(raster.view(), 0, size.height - 1) == 0;
  const bool top =
      GreyAt(raster.view(), 0, 0) == 0 || GreyAt(raster.view(), size.width - 1, 0) == 0;
  return std::string(top ? "upper " : "lower ") + (left ? "left" : "right");
}

TEST(OrientationTest, TurnsPicturesUpright) {
  const std::vector<std::string> corners = {"upper left",  "upper right", "lower right",
                                            "lower left",  "upper left",  "upper right",
                                            "lower right", "lower left"};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Raster upright = Upright(Landscape({40, 20}, 0), orientation);
    EXPECT_EQ(upright.size().width, orientation < 5 ? 40 : 20) << orientation;
    EXPECT_EQ(CornerOf(upright), corners[static_cast<std::size_t>(orientation - 1)]) << orientation;
  }
}

TEST(OrientationTest, BelievesNothing) {
  std::string exif("Exif\0\0II*\0\xff\xff\xff\xff", 14);
  const auto* data = reinterpret_cast<const std::uint8_t*>(exif.data());
  for (std::size_t size = 0; size <= exif.size(); ++size) EXPECT_EQ(ExifOrientation(data, size), 1);
}

TEST(ToneTest, MonochromeIsGrey) {
  Raster raster = Landscape({16, 16}, 5);
  ApplyTone(raster.mutable_view(), Tone::kMonochrome);
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 16; ++x) {
      const std::uint8_t* pixel = raster.view().At(x, y);
      ASSERT_EQ(pixel[0], pixel[1]);
      ASSERT_EQ(pixel[0], pixel[2]);
    }
  }
}

TEST(LayoutTest, RowsSpanTheWidthAndKeepProportions) {
  const std::vector<Size> pictures = {{300, 200}, {200, 300}, {160, 90},  {400, 400},
                                      {90, 160},  {300, 200}, {1000, 100}};
  const RowsFrame frame = {.left = 10, .top = 20, .width = 800, .gap = 6, .aspect = 1.5};
  const std::vector<Rect> rects = JustifiedRows(pictures, frame);
  ASSERT_EQ(rects.size(), pictures.size());
  for (std::size_t i = 0; i < rects.size(); ++i) {
    const Rect& rect = rects[i];
    const double aspect = static_cast<double>(pictures[i].width) / pictures[i].height;
    EXPECT_NEAR(rect.width, rect.height * aspect, aspect + 1) << i;
    const bool first = i == 0 || rects[i - 1].y != rect.y;
    const bool last = i + 1 == rects.size() || rects[i + 1].y != rect.y;
    EXPECT_EQ(rect.x, first ? 10 : rects[i - 1].x + rects[i - 1].width + 6) << i;
    if (last) {
      EXPECT_EQ(rect.x + rect.width, 810) << i;
    }
    if (first && i > 0) {
      EXPECT_EQ(rect.y, rects[i - 1].y + rects[i - 1].height + 6) << i;
    }
  }
}

TEST(LayoutTest, OnePortraitIsNotBlownUp) {
  const std::vector<Rect> rects = JustifiedRows({{100, 1000}}, {.width = 900});
  ASSERT_EQ(rects.size(), 1u);
  EXPECT_EQ(rects[0].height, 600);
  EXPECT_EQ(rects[0].x, 420);
}

TEST(LayoutTest, StripStopsWhenFull) {
  const std::vector<Size> pictures(10, Size{100, 100});
  const std::vector<Rect> rects = CentredStrip(
      pictures, {.left = 0, .top = 0, .width = 100, .gap = 10, .row_height = 20, .max_rows = 2});
  ASSERT_EQ(rects.size(), 6u);
  EXPECT_EQ(rects[0].x, 10);
  EXPECT_EQ(rects[3].y, 30);
  EXPECT_EQ(BottomOf(rects, 0), 50);
}

TEST(CollageTest, PaintsPicturesThatAreThereAndNoOthers) {
  const Raster landscape = Landscape({60, 40}, 3);
  Collage collage({.photos = {landscape.view(), {}},
                   .thumbnails = {landscape.view(), {}},
                   .shown = {true, false}},
                  /*width=*/320, /*number=*/1);
  collage.PaintPhoto(0);
  collage.PaintPhoto(1);
  EXPECT_EQ(collage.pixels().size.width, 320);
  EXPECT_GT(collage.pixels().size.height, 100);
}

TEST(PixelLedgerTest, CountsWhatIsFreedTwiceAndNotAtAll) {
  PixelLedger ledger;
  const PixelBuffer first = ledger.Allocate({10, 10});
  const PixelBuffer second = ledger.Allocate({20, 10});
  EXPECT_TRUE(ledger.Free(first.id));
  EXPECT_FALSE(ledger.Free(first.id));
  EXPECT_EQ(ledger.counts().freed_twice, 1u);
  EXPECT_EQ(ledger.counts().leaked(), 1u);
  EXPECT_EQ(ledger.counts().live_bytes, 600u);
  EXPECT_EQ(ledger.counts().peak_bytes, 900u);
  EXPECT_TRUE(ledger.Free(second.id));
  EXPECT_EQ(ledger.counts().leaked(), 0u);
}

}  // namespace
}  // namespace photo_collage
