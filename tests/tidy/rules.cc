#include "tests/tidy/rules.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <set>
#include <string_view>

namespace elegy::tidy {
namespace {

constexpr std::size_t kFileLines = 400;
constexpr std::size_t kFunctionLines = 70;
constexpr std::size_t kLineColumns = 100;
constexpr std::size_t kReasonLines = 6;

std::string At(const SourceFile& file, std::size_t line, std::string_view message) {
  return file.path + ":" + std::to_string(line) + ": " + std::string(message);
}

// Code points, so that a line is as long as it looks.
std::size_t Columns(std::string_view line) {
  return static_cast<std::size_t>(
      std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

bool HasComment(const std::string& line) { return line.find("//") != std::string::npos; }

std::size_t Indentation(const std::string& line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

// The line that begins what the brace at a line's only place ends: the last one above that stands
// as far to the left. Lines of the preprocessor stand anywhere.
std::size_t BeginOf(const SourceFile& file, std::size_t end) {
  const auto is_within = [&](const std::string& line) {
    return Trim(line).empty() || line.starts_with('#') ||
           Indentation(line) > Indentation(file.lines[end]);
  };
  std::size_t begin = end;
  while (begin > 0 && (begin == end || is_within(file.lines[begin]))) begin--;
  return begin;
}

bool IsText(const SourceFile& file) {
  constexpr std::array kEndings = {".md", ".txt", ".sh", ".cmake"};
  return IsCode(file) || std::any_of(kEndings.begin(), kEndings.end(), [&](const char* ending) {
           return file.path.ends_with(ending);
         });
}

}  // namespace

Findings LongFiles(const SourceTree& tree) {
  Findings findings;
  for (const SourceFile& file : tree) {
    if (!IsLibrary(file) || !IsCode(file) || file.lines.size() <= kFileLines) continue;
    findings.push_back(At(file, file.lines.size(), "more than 400 lines: split the file"));
  }
  return findings;
}

// By the way in which clang-format sets functions. A block of as many lines is in one that has
// more.
Findings LongFunctions(const SourceTree& tree) {
  Findings findings;
  for (const SourceFile& file : tree) {
    if (!IsCode(file)) continue;
    for (std::size_t end = 0; end < file.lines.size(); ++end) {
      if (Trim(file.lines[end]) != "}") continue;
      const std::size_t begin = BeginOf(file, end);
      if (end - begin < kFunctionLines) continue;
      if (file.lines[begin].find(" FieldsOf(") != std::string::npos) continue;
      findings.push_back(At(file, begin + 1, "more than 70 lines: split the function"));
    }
  }
  return findings;
}

Findings LongLines(const SourceTree& tree) {
  Findings findings;
  for (const SourceFile& file : tree) {
    if (!IsCode(file)) continue;
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      // What a file that must not compile expects is one regular expression on one line.
      if (file.lines[i].starts_with("// EXPECT:")) continue;
      if (Columns(file.lines[i]) <= kLineColumns) continue;
      findings.push_back(At(file, i + 1, "more than 100 columns"));
    }
  }
  return findings;
}

Findings TrailingWhitespace(const SourceTree& tree) {
  Findings findings;
  for (const SourceFile& file : tree) {
    if (!IsText(file)) continue;
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      const std::string& line = file.lines[i];
      if (line.empty() || Trim(line).end() == std::string_view(line).end()) continue;
      findings.push_back(At(file, i + 1, "whitespace at the end of the line"));
    }
  }
  return findings;
}

Findings UnexplainedOrderings(const SourceTree& tree) {
  Findings findings;
  for (const SourceFile& file : tree) {
    if (!IsLibrary(file) || !IsCode(file)) continue;
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      if (file.lines[i].find("memory_order_") == std::string::npos) continue;
      const auto line = file.lines.begin() + static_cast<std::ptrdiff_t>(i);
      const auto first = line - static_cast<std::ptrdiff_t>(std::min(i, kReasonLines));
      if (std::any_of(first, line + 1, HasComment)) continue;
      findings.push_back(At(file, i + 1, "no comment says why this memory order is enough"));
    }
  }
  return findings;
}

Findings ForbiddenNames(const SourceTree& tree) {
  constexpr std::array<std::string_view, 2> kNames = {"atomic_thread_fence", "absl::Mutex"};
  Findings findings;
  for (const SourceFile& file : tree) {
    if (!IsLibrary(file) || !IsCode(file)) continue;
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      for (std::string_view name : kNames) {
        if (WithoutComment(file.lines[i]).find(name) == std::string_view::npos) continue;
        findings.push_back(At(file, i + 1, std::string(name) + " is invisible to ThreadSanitizer"));
      }
    }
  }
  return findings;
}

Findings OsHeaders(const SourceTree& tree) {
  constexpr std::array kPrefixes = {"sys/", "linux/", "pthread.h", "unistd.h"};
  Findings findings;
  for (const SourceFile& file : tree) {
    if (!IsLibrary(file) || file.path.starts_with("src/platform/")) continue;
    for (const Include& include : IncludesOf(file)) {
      const bool os = std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](const char* prefix) {
        return include.path.starts_with(prefix);
      });
      if (!os) continue;
      findings.push_back(At(file, include.line, include.path + " belongs into src/platform/"));
    }
  }
  return findings;
}

Findings IncludePaths(const SourceTree& tree) {
  constexpr std::array kOutside = {"tests/", "bench/", "examples/"};
  Findings findings;
  for (const SourceFile& file : tree) {
    if (!IsLibrary(file)) continue;
    for (const Include& include : IncludesOf(file)) {
      if (include.quoted && include.path.find('/') == std::string::npos) {
        findings.push_back(At(file, include.line, include.path + " is not a full path"));
      }
      if (include.path.find("../") != std::string::npos) {
        findings.push_back(At(file, include.line, include.path + " is not a plain path"));
      }
      if (file.path.starts_with("include/") && include.path.starts_with("src/")) {
        findings.push_back(At(file, include.line, include.path + " is not installed"));
      }
      for (const char* folder : kOutside) {
        if (!include.path.starts_with(folder)) continue;
        findings.push_back(At(file, include.line, include.path + " is no part of the library"));
      }
    }
  }
  return findings;
}

Findings DeadFiles(const SourceTree& tree) {
  std::set<std::string> included;
  for (const SourceFile& file : tree) {
    for (const Include& include : IncludesOf(file)) included.insert(include.path);
  }
  Findings findings;
  for (const SourceFile& file : tree) {
    if (!IsLibrary(file) || file.path == "src/README.md") continue;
    const bool is_public = file.path.starts_with("include/");
    if (file.path.ends_with(".h")) {
      const std::string path =
          is_public ? file.path.substr(std::string_view("include/").size()) : file.path;
      if (!included.contains(path)) findings.push_back(At(file, 1, "no file includes this header"));
    } else if (is_public || !file.path.ends_with(".cc")) {
      findings.push_back(At(file, 1, "neither a header nor compiled"));
    }
  }
  return findings;
}

}  // namespace elegy::tidy
