// Runs the program on folders with sound and unsound files and reads what it prints and writes.

#include <sys/wait.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "examples/photo_collage/photo_loader.h"
#include "examples/photo_collage/png_file.h"
#include "examples/photo_collage/raster.h"
#include "examples/photo_collage/test_images.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace photo_collage {
namespace {

using testing::HasSubstr;

struct Outcome {
  int status = -1;
  std::string out;
  std::string err;
};

Outcome RunProgram(const TempFolder& folder, const std::string& arguments) {
  const std::string out = folder / "stdout";
  const std::string err = folder / "stderr";
  const std::string command =
      absl::StrCat("'", PHOTO_COLLAGE_PROGRAM, "' ", arguments, " >'", out, "' 2>'", err, "'");
  const int status = std::system(command.c_str());  // NOLINT(concurrency-mt-unsafe)
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadFile(out), ReadFile(err)};
}

std::size_t LinesWith(const std::string& text, const std::string& part) {
  std::istringstream lines(text);
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line);) count += absl::StrContains(line, part);
  return count;
}

// The first column of the row of the table that begins with `label`.
std::size_t InTable(const std::string& text, const std::string& label) {
  const std::size_t at = text.find("\n" + label);
  if (at == std::string::npos) return SIZE_MAX;
  std::istringstream rest(text.substr(at + 1 + label.size()));
  std::size_t value = SIZE_MAX;
  rest >> value;
  return value;
}

// Twelve photos, four files that are none, and a folder without any.
void MakeLibrary(const TempFolder& folder) {
  std::filesystem::create_directories(folder / "photos/trip");
  std::filesystem::create_directories(folder / "bare");
  for (int i = 0; i < 12; ++i) {
    const Raster raster = Landscape(i % 3 == 0 ? Size{360, 480} : Size{480, 320 - 10 * i}, i);
    const std::string name = absl::StrCat(folder / "photos/trip/p", i);
    if (i % 4 == 3) {
      ASSERT_TRUE(WritePng(name + ".png", raster.view()).ok());
    } else {
      WriteFile(name + ".jpg", JpegBytes(raster, i == 1 ? 8 : 0));
    }
  }
  const std::string whole = JpegBytes(Landscape({480, 320}, 50));
  WriteFile(folder / "photos/cut.jpg", whole.substr(0, whole.size() / 2));
  WriteFile(folder / "photos/empty.jpeg", "");
  WriteFile(folder / "photos/text.png", "no picture\n");
  std::filesystem::create_symlink("nowhere", folder / "photos/gone.jpg");
  WriteFile(folder / "bare/readme.txt", "no picture either\n");
}

TEST(SmokeTest, MakesCollagesAndAccountsForEveryImage) {
  const TempFolder folder;
  MakeLibrary(folder);
  const Outcome outcome = RunProgram(
      folder,
      absl::StrCat("--out '", folder / "out", "' --threads 3 --rounds 5 --photos 5 ",
                   "--width 240 --heap-mib 1 '", folder / "photos", "' '", folder / "bare", "'"));
  EXPECT_EQ(outcome.status, 0) << outcome.err;

  // A line for each thing that is wrong, and no more.
  EXPECT_EQ(LinesWith(outcome.err, "cut.jpg: damaged JPEG: Premature end"), 1u) << outcome.err;
  EXPECT_EQ(LinesWith(outcome.err, "empty.jpeg: the file is empty"), 1u);
  EXPECT_EQ(LinesWith(outcome.err, "text.png: neither a JPEG nor a PNG"), 1u);
  EXPECT_EQ(LinesWith(outcome.err, "gone.jpg: cannot read it: No such file"), 1u);
  EXPECT_EQ(LinesWith(outcome.err, "bare: no photo in this folder"), 1u);
  EXPECT_EQ(LinesWith(outcome.err, ""), 5u) << outcome.err;

  for (int round = 1; round <= 5; ++round) {
    for (const char* half : {"a", "b"}) {
      const std::string path = folder / absl::StrCat("out/collage-0", round, half, ".png");
      const absl::StatusOr<Raster> collage = DecodePhoto(path, 10'000);
      ASSERT_TRUE(collage.ok()) << path << ": " << collage.status();
      EXPECT_EQ(collage->size().width, 240);
      EXPECT_GT(collage->size().height, 80);
    }
  }

  // The first run's lines and the table's first column agree.
  const std::vector<std::pair<std::string, std::string>> lines_and_rows = {
      {"FETCHED_IMAGE ", "images fetched"},
      {"CACHED_IMAGE ", "images cached"},
      {"CLEANED_IMAGE ", "images cleaned"},
      {": collected", "  collected"},
      {": closed", "  closed"},
      {": shutdown", "  at shutdown"},
  };
  for (const auto& [line, row] : lines_and_rows) {
    EXPECT_EQ(LinesWith(outcome.out, line), InTable(outcome.out, row)) << row;
    EXPECT_GT(InTable(outcome.out, row), 0u) << row << "\n" << outcome.out;
  }
  EXPECT_EQ(InTable(outcome.out, "images fetched"), InTable(outcome.out, "images cleaned"));
  EXPECT_THAT(outcome.out, HasSubstr("\nleaked: 0, freed twice: 0\n"));
}

TEST(SmokeTest, WithoutAnyPhotoItSaysSoAndFails) {
  const TempFolder folder;
  MakeLibrary(folder);
  const Outcome bare =
      RunProgram(folder, absl::StrCat("--out '", folder / "out", "' '", folder / "bare", "'"));
  EXPECT_EQ(bare.status, 1);
  EXPECT_THAT(bare.err, HasSubstr("no photo in any of the folders"));

  std::filesystem::remove_all(folder / "photos/trip");
  const Outcome unsound =
      RunProgram(folder, absl::StrCat("--out '", folder / "out", "' '", folder / "photos", "'"));
  EXPECT_EQ(unsound.status, 1);
  EXPECT_THAT(unsound.err, HasSubstr("none of the photos found can be read"));
}

TEST(SmokeTest, ExplainsItself) {
  const TempFolder folder;
  EXPECT_THAT(RunProgram(folder, "--help").out, HasSubstr("usage: photo_collage"));
  for (const char* wrong : {"", "--threads", "--threads 0 .", "--rounds many .", "--what ."}) {
    const Outcome outcome = RunProgram(folder, wrong);
    EXPECT_EQ(outcome.status, 2) << wrong;
    EXPECT_THAT(outcome.err, HasSubstr("usage: photo_collage"));
  }
}

}  // namespace
}  // namespace photo_collage
