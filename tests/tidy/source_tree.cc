#include "tests/tidy/source_tree.h"

#include <algorithm>
#include <fstream>
#include <utility>

namespace elegy::tidy {

SourceTree ReadTree(const std::filesystem::path& root) {
  SourceTree tree;
  for (const char* folder : {"include", "src", "tests", "bench", "examples"}) {
    if (!std::filesystem::is_directory(root / folder)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
      if (!entry.is_regular_file()) continue;
      SourceFile file{entry.path().lexically_relative(root).generic_string(), {}};
      std::ifstream stream(entry.path());
      for (std::string line; std::getline(stream, line);) file.lines.push_back(std::move(line));
      tree.push_back(std::move(file));
    }
  }
  std::sort(tree.begin(), tree.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return tree;
}

bool IsCode(const SourceFile& file) {
  return file.path.ends_with(".h") || file.path.ends_with(".cc");
}

bool IsLibrary(const SourceFile& file) {
  return file.path.starts_with("include/") || file.path.starts_with("src/");
}

std::string_view WithoutComment(std::string_view line) { return line.substr(0, line.find("//")); }

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::vector<Include> IncludesOf(const SourceFile& file) {
  constexpr std::string_view kKeyword = "include";
  std::vector<Include> includes;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    std::string_view line = Trim(file.lines[i]);
    if (!line.starts_with('#')) continue;
    line = Trim(line.substr(1));
    if (!line.starts_with(kKeyword)) continue;
    line = Trim(line.substr(kKeyword.size()));
    if (!line.starts_with('"') && !line.starts_with('<')) continue;
    const bool quoted = line.front() == '"';
    const std::size_t end = line.find(quoted ? '"' : '>', 1);
    if (end == std::string_view::npos) continue;
    includes.push_back({i + 1, std::string(line.substr(1, end - 1)), quoted});
  }
  return includes;
}

}  // namespace elegy::tidy
