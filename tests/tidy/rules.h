// The rules that the source tree keeps beyond what compiler and formatter check. Each takes a tree
// and returns what it found, one "path:line: message" for each violation.

#ifndef ELEGY_TESTS_TIDY_RULES_H_
#define ELEGY_TESTS_TIDY_RULES_H_

#include <string>
#include <vector>

#include "tests/tidy/source_tree.h"

namespace elegy::tidy {

using Findings = std::vector<std::string>;

// The library's files have at most 400 lines.
Findings LongFiles(const SourceTree& tree);

// Functions have at most 70 lines; but FieldsOf, which has a branch for each number of fields.
Findings LongFunctions(const SourceTree& tree);

// Lines of code have at most 100 columns.
Findings LongLines(const SourceTree& tree);

Findings TrailingWhitespace(const SourceTree& tree);

// Wherever the library says memory_order_, a comment on that line or in the six lines above gives
// the reason.
Findings UnexplainedOrderings(const SourceTree& tree);

// The library uses neither fences nor absl::Mutex: ThreadSanitizer does not see what they order.
Findings ForbiddenNames(const SourceTree& tree);

// Only src/platform/ includes the operating system's headers.
Findings OsHeaders(const SourceTree& tree);

// The library's includes are full paths, and lead out of include/ and src/ nowhere; what is in
// include/ includes nothing from src/, which is not installed.
Findings IncludePaths(const SourceTree& tree);

// Each folder in src/ is a layer. It includes only itself, include/elegy and what its row in the
// table of src/README.md allows:
//
//   | layer | may include |
//   | --- | --- |
//   | base | - |
//   | platform | base |
//   | weak | base, platform, mark/liveness.h |
//
// Further columns are free. An entry is a layer, or one header of a layer.
Findings Layers(const SourceTree& tree);

// Each header of the library is included somewhere, and there is nothing that CMake neither
// compiles nor installs.
Findings DeadFiles(const SourceTree& tree);

}  // namespace elegy::tidy

#endif  // ELEGY_TESTS_TIDY_RULES_H_
