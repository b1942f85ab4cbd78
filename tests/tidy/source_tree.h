// The files of the source tree as text, for the rules in rules.h.

#ifndef ELEGY_TESTS_TIDY_SOURCE_TREE_H_
#define ELEGY_TESTS_TIDY_SOURCE_TREE_H_

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace elegy::tidy {

struct SourceFile {
  std::string path;  // From the tree's root, with slashes: "src/heap/block.h".
  std::vector<std::string> lines;
};

using SourceTree = std::vector<SourceFile>;

struct Include {
  std::size_t line;  // Counted from 1.
  std::string path;
  bool quoted;  // "path", not <path>.
};

// Reads what is in include/, src/, tests/, bench/ and examples/ under `root`, sorted by path.
SourceTree ReadTree(const std::filesystem::path& root);

// True for C++ files, which in this tree end in .h or .cc.
bool IsCode(const SourceFile& file);

// True for files below include/ or src/.
bool IsLibrary(const SourceFile& file);

// The line without the comment at its end.
std::string_view WithoutComment(std::string_view line);

std::string_view Trim(std::string_view text);

std::vector<Include> IncludesOf(const SourceFile& file);

}  // namespace elegy::tidy

#endif  // ELEGY_TESTS_TIDY_SOURCE_TREE_H_
