// Memory for hash tables outside the heap. Large ones lie on huge pages: look-ups hit a random
// place in them, and with small pages pay for the address translation as much as for the memory.

#ifndef ELEGY_INTERNAL_TABLE_MEMORY_H_
#define ELEGY_INTERNAL_TABLE_MEMORY_H_

#include <cstddef>

namespace elegy::internal {

// Aligned to at least 64 bytes. Throws std::bad_alloc. Thread-safe.
void* AllocateTable(std::size_t bytes);
// `bytes` as asked for.
void FreeTable(void* table, std::size_t bytes);

// The same for containers.
template <class T>
struct TableAllocator {
  using value_type = T;

  TableAllocator() = default;
  template <class U>
  TableAllocator(const TableAllocator<U>&) {}

  T* allocate(std::size_t n) { return static_cast<T*>(AllocateTable(n * sizeof(T))); }
  void deallocate(T* table, std::size_t n) { FreeTable(table, n * sizeof(T)); }

  template <class U>
  bool operator==(const TableAllocator<U>&) const {
    return true;
  }
};

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_TABLE_MEMORY_H_
