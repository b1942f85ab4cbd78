// The rule about layers: reads the table in src/README.md and holds the includes against it.

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/tidy/rules.h"
#include "tests/tidy/source_tree.h"

namespace elegy::tidy {
namespace {

constexpr char kTablePath[] = "src/README.md";
constexpr char kPublic[] = "include/elegy";  // Allowed to all, whether a row says so or not.

// What each layer may include: layers ("base") and single headers ("mark/liveness.h").
using LayerTable = std::map<std::string, std::set<std::string>>;

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    std::string part(Trim(text.substr(0, end)));
    std::erase(part, '`');
    parts.push_back(part);
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// The cells of a table's row; none if the line is no row.
std::vector<std::string> Cells(std::string_view line) {
  line = Trim(line);
  if (line.size() < 2 || !line.starts_with('|') || !line.ends_with('|')) return {};
  return Split(line.substr(1, line.size() - 2), '|');
}

LayerTable ParseTable(const SourceFile& readme) {
  LayerTable table;
  const auto is_head = [](const std::string& line) {
    const std::vector<std::string> cells = Cells(line);
    return cells.size() >= 2 && cells[0] == "layer" && cells[1] == "may include";
  };
  auto line = std::find_if(readme.lines.begin(), readme.lines.end(), is_head);
  if (line == readme.lines.end()) return table;
  for (++line; line != readme.lines.end(); ++line) {
    const std::vector<std::string> cells = Cells(*line);
    if (cells.size() < 2) break;
    if (cells[0].starts_with("--")) continue;
    std::set<std::string>& allowed = table[cells[0]];
    for (const std::string& entry : Split(cells[1], ',')) {
      if (entry != "-" && entry != kPublic) allowed.insert(entry);
    }
  }
  return table;
}

// The path from src/ on: "heap/block.h" for "src/heap/block.h".
std::string_view FromSrc(std::string_view path) {
  return path.substr(std::string_view("src/").size());
}

// "heap" for "src/heap/block.h"; empty for a file in src/ itself.
std::string_view LayerOf(std::string_view path) {
  const std::size_t slash = FromSrc(path).find('/');
  return slash == std::string_view::npos ? "" : FromSrc(path).substr(0, slash);
}

// The table itself: its layers are folders, and its entries are layers or headers that exist.
void CheckTable(const SourceTree& tree, const LayerTable& table, Findings& findings) {
  const auto exists = [&](const std::string& prefix) {
    return std::any_of(tree.begin(), tree.end(), [&](const SourceFile& file) {
      return file.path.starts_with("src/" + prefix);
    });
  };
  for (const auto& [layer, allowed] : table) {
    if (!exists(layer + "/")) {
      findings.push_back(std::string(kTablePath) + ": layer " + layer + " has no folder");
    }
    for (const std::string& entry : allowed) {
      const bool is_header = entry.ends_with(".h") && exists(entry);
      if (is_header || table.contains(entry)) continue;
      findings.push_back(std::string(kTablePath) + ": layer " + layer + " may include \"" + entry +
                         "\", which is neither a layer nor a header");
    }
  }
}

}  // namespace

Findings Layers(const SourceTree& tree) {
  const auto readme = std::find_if(tree.begin(), tree.end(),
                                   [](const SourceFile& file) { return file.path == kTablePath; });
  if (readme == tree.end()) {
    return {std::string(kTablePath) + " is missing: it holds the table of layers"};
  }
  const LayerTable table = ParseTable(*readme);
  if (table.empty()) {
    return {std::string(kTablePath) + " has no table that begins | layer | may include |"};
  }

  Findings findings;
  CheckTable(tree, table, findings);
  for (const SourceFile& file : tree) {
    if (!file.path.starts_with("src/") || !IsCode(file)) continue;
    const std::string layer(LayerOf(file.path));
    const auto row = table.find(layer);
    if (row == table.end()) {
      findings.push_back(file.path + ": not in a layer that " + kTablePath + " lists");
      continue;
    }
    const std::set<std::string>& allowed = row->second;
    for (const Include& include : IncludesOf(file)) {
      if (!include.path.starts_with("src/")) continue;
      const std::string target(LayerOf(include.path));
      const std::string header(FromSrc(include.path));
      if (target == layer || allowed.contains(target) || allowed.contains(header)) continue;
      findings.push_back(file.path + ":" + std::to_string(include.line) + ": layer " + layer +
                         " may not include " + include.path);
    }
  }
  return findings;
}

}  // namespace elegy::tidy
