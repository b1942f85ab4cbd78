// A photo library with thumbnails and collages, as image applications have it: tiny managed objects
// stand for large native pixel buffers, and a weak cache hands them out. See --help.

#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "absl/status/statusor.h"
#include "examples/photo_collage/comparison.h"
#include "examples/photo_collage/complain.h"
#include "examples/photo_collage/options.h"
#include "examples/photo_collage/photo_finder.h"

namespace photo_collage {
namespace {

int Main(const std::vector<std::string>& arguments) {
  const absl::StatusOr<Options> options = ParseOptions(arguments);
  if (!options.ok()) {
    std::fprintf(stderr, "photo_collage: %s\n%s", std::string(options.status().message()).c_str(),
                 kUsage);
    return 2;
  }
  if (options->help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  const std::vector<std::string> library = FindPhotos(options->folders);
  if (library.empty()) {
    std::fprintf(stderr, "photo_collage: no photo in any of the folders\n");
    return 1;
  }
  std::error_code error;
  std::filesystem::create_directories(options->out, error);
  if (error) {
    Complain(options->out, "cannot make this folder: " + error.message());
    return 1;
  }
  return Compare(*options, library);
}

}  // namespace
}  // namespace photo_collage

int main(int argc, char** argv) {
  return photo_collage::Main(std::vector<std::string>(argv + 1, argv + argc));
}
