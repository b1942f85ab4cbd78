#include "src/weak/table_arrays.h"

#include <bit>
#include <memory>
#include <new>
#include <utility>

#include "elegy/internal/layout.h"
#include "elegy/internal/table_memory.h"
#include "src/mutator/mutator_impl.h"

namespace elegy::internal {

namespace {

// Whether no other thread than this one can be looking anything up. Acquire-release: see the head
// of the .h file.
bool NobodyElseReads(HeapState& heap) {
  const MutatorImpl* const mutator = CurrentImplOrNull();
  const std::uint32_t here = mutator != nullptr && &mutator->state == &heap ? 1 : 0;
  return heap.attached.fetch_add(0, std::memory_order_acq_rel) == here;
}

}  // namespace

TableArrays* TableArrays::New(HeapState& heap, std::size_t capacity, std::size_t entry_bytes) {
  if (capacity >= kErased / 2) throw std::bad_alloc();
  const std::size_t index_size = std::bit_ceil(capacity * 2);
  const std::size_t index_at = RoundUp(sizeof(TableArrays), kMaxAlignment);
  const std::size_t entries_at =
      RoundUp(index_at + index_size * sizeof(std::uint32_t), kMaxAlignment);
  const std::size_t bytes = entries_at + capacity * entry_bytes;
  if (!heap.accounting.TryTakeNative(bytes, heap.options.max_heap_bytes)) throw std::bad_alloc();
  std::byte* memory;
  try {
    memory = static_cast<std::byte*>(AllocateTable(bytes));
  } catch (...) {
    heap.accounting.Give(bytes);
    throw;
  }
  auto* const arrays = ::new (memory) TableArrays;
  arrays->capacity_ = capacity;
  arrays->mask_ = index_size - 1;
  arrays->entry_bytes_ = entry_bytes;
  arrays->entries_ = memory + entries_at;
  arrays->index_ = reinterpret_cast<std::atomic<std::uint32_t>*>(memory + index_at);
  std::uninitialized_value_construct_n(arrays->index_, index_size);
  arrays->bytes_ = bytes;
  return arrays;
}

void TableArrays::Free(HeapState& heap, TableArrays* arrays) {
  if (arrays == nullptr) return;
  heap.accounting.Give(arrays->bytes_);
  FreeTable(arrays, arrays->bytes_);
}

void TableArrays::Retire(HeapState& heap, TableArrays* arrays) {
  if (arrays == nullptr) return;
  if (NobodyElseReads(heap)) return Free(heap, arrays);
  {
    MutexLock lock(heap.retired_mutex);
    arrays->next_ = std::exchange(heap.retired, arrays);
  }
  heap.Spend(static_cast<std::int64_t>(arrays->bytes_));
}

TableArrays* TableArrays::TakeRetired(HeapState& heap) {
  MutexLock lock(heap.retired_mutex);
  return std::exchange(heap.retired, nullptr);
}

void TableArrays::FreeAll(HeapState& heap, TableArrays* retired) {
  while (retired != nullptr) Free(heap, std::exchange(retired, retired->next_));
}

}  // namespace elegy::internal
