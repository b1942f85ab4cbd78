#include "examples/photo_collage/options.h"

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace photo_collage {
namespace {

struct NumberOption {
  const char* name;
  int Options::*value;
  int min;
  int max;
};

constexpr NumberOption kNumberOptions[] = {
    {"--threads", &Options::threads, 1, 64},       {"--rounds", &Options::rounds, 1, 10'000},
    {"--photos", &Options::photos, 1, 100},        {"--width", &Options::width, 240, 7680},
    {"--heap-mib", &Options::heap_mib, 1, 65'536},
};

absl::Status SetNumber(Options& options, const NumberOption& option, const std::string& text) {
  int value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < option.min || value > option.max) {
    return absl::InvalidArgumentError(absl::StrCat(option.name, " takes a number from ", option.min,
                                                   " to ", option.max, ", not \"", text, "\""));
  }
  options.*option.value = value;
  return absl::OkStatus();
}

const NumberOption* FindNumberOption(const std::string& name) {
  for (const NumberOption& option : kNumberOptions) {
    if (name == option.name) return &option;
  }
  return nullptr;
}

}  // namespace

const char kUsage[] =
    "usage: photo_collage [OPTION...] FOLDER...\n"
    "\n"
    "Makes collages of the photos (.jpg, .jpeg, .png) in the folders and those below them, three\n"
    "times over: with a weak image cache and a heap that is told of the pixels' bytes, with one\n"
    "that is not told, and with a cache that holds its images strongly. The first run writes the\n"
    "collages as PNG files and logs what becomes of the images; a table compares the three.\n"
    "\n"
    "  --out DIR      where the collages go (default: collages)\n"
    "  --threads N    threads that decode and paint (default: 2)\n"
    "  --rounds N     each makes a collage, changes one photo and makes the next (default: 12)\n"
    "  --photos N     photos in a collage (default: 6)\n"
    "  --width N      of a collage, in pixels (default: 1920)\n"
    "  --heap-mib N   where the first collection starts, pixels included if told (default: 16)\n"
    "  --verbose      log the other runs in full, too\n"
    "  --help         print this\n";

absl::StatusOr<Options> ParseOptions(const std::vector<std::string>& arguments) {
  Options options;
  bool only_folders = false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (only_folders || argument.empty() || argument[0] != '-') {
      options.folders.push_back(argument);
      continue;
    }
    if (argument == "--") {
      only_folders = true;
    } else if (argument == "--help" || argument == "-h") {
      options.help = true;
      return options;
    } else if (argument == "--verbose") {
      options.verbose = true;
    } else if (const NumberOption* number = FindNumberOption(argument);
               number != nullptr || argument == "--out") {
      if (++i == arguments.size()) {
        return absl::InvalidArgumentError(absl::StrCat(argument, " wants a value"));
      }
      if (number == nullptr) {
        options.out = arguments[i];
      } else if (absl::Status status = SetNumber(options, *number, arguments[i]); !status.ok()) {
        return status;
      }
    } else {
      return absl::InvalidArgumentError(absl::StrCat("unknown option ", argument));
    }
  }
  if (options.folders.empty()) return absl::InvalidArgumentError("name at least one folder");
  return options;
}

}  // namespace photo_collage
