#include "src/base/check.h"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace elegy::internal {

void Fail(std::string_view message) {
  std::fprintf(stderr, "elegy: %.*s\n", static_cast<int>(message.size()), message.data());
  std::fflush(stderr);
  std::abort();
}

void FailCheck(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "elegy: internal check failed: %s (%s:%d)\n", condition, file, line);
  std::fflush(stderr);
  std::abort();
}

void FailForMemory() { Fail("out of memory for the collector's own work"); }

}  // namespace elegy::internal
