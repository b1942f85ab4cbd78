#include "examples/photo_collage/photo_finder.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/ascii.h"
#include "examples/photo_collage/complain.h"

namespace photo_collage {
namespace {

namespace fs = std::filesystem;

bool HasPhotoName(const fs::path& path) {
  const std::string extension = absl::AsciiStrToLower(path.extension().string());
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

// Adds the photos in and below `folder`; false if the folder itself cannot be read.
bool Search(const fs::path& folder, std::set<std::string>& photos) {
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored)) {
      if (!entry->is_symlink(ignored)) Search(entry->path(), photos);
    } else if (HasPhotoName(entry->path())) {
      // A broken link counts as a photo, so that it is reported; to open a pipe would hang.
      if (entry->is_regular_file(ignored) || !entry->exists(ignored)) {
        photos.insert(entry->path().lexically_normal().string());
      } else {
        Complain(entry->path().string(), "not an ordinary file; left out");
      }
    }
  }
  if (error) Complain(folder.string(), "cannot read this folder: " + error.message());
  return !error;
}

}  // namespace

std::vector<std::string> FindPhotos(const std::vector<std::string>& folders) {
  std::set<std::string> all;
  for (const std::string& folder : folders) {
    std::set<std::string> photos;
    const bool readable = Search(folder, photos);
    if (readable && photos.empty()) Complain(folder, "no photo in this folder or below it");
    all.merge(photos);
  }
  return {all.begin(), all.end()};
}

}  // namespace photo_collage
