#include "elegy/internal/table_memory.h"

#include <new>

#include "elegy/internal/layout.h"
#include "src/platform/platform.h"

namespace elegy::internal {

namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;

std::align_val_t AlignmentFor(std::size_t bytes) {
  return std::align_val_t{bytes < kHugePage ? kMaxAlignment : kHugePage};
}

}  // namespace

void* AllocateTable(std::size_t bytes) {
  void* const table = ::operator new(bytes, AlignmentFor(bytes));
  // The last page may hold the beginning of something else: it stays as it is.
  if (bytes >= kHugePage) platform::PreferHugePages(table, bytes / kHugePage * kHugePage);
  return table;
}

void FreeTable(void* table, std::size_t bytes) { ::operator delete(table, AlignmentFor(bytes)); }

}  // namespace elegy::internal
