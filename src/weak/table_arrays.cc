#include "src/weak/table_arrays.h"

#include <bit>
#include <memory>
#include <new>
#include <utility>

#include "elegy/internal/layout.h"
#include "elegy/internal/table_memory.h"
#include "src/mutator/external_debt.h"
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

alignas(64) constinit const PlacedEntry TableArrays::kNoEntries[2] = {};
constinit const TableArrays TableArrays::kEmpty;

TableArrays* TableArrays::New(HeapState& heap, EntryOrder order, std::size_t capacity,
                              std::size_t entry_bytes) {
  if (capacity >= kErased / 2) throw std::bad_alloc();
  const bool has_index = order == EntryOrder::kInsertion;
  const std::size_t slots = std::bit_ceil(capacity * 2);
  const std::size_t index_at = RoundUp(sizeof(TableArrays), kMaxAlignment);
  const std::size_t index_bytes = has_index ? slots * sizeof(std::uint32_t) : 0;
  const std::size_t entries_at = RoundUp(index_at + index_bytes, kMaxAlignment);
  const std::size_t bytes = entries_at + (has_index ? capacity : slots) * entry_bytes;
  heap.TakeNative(bytes);
  std::byte* memory;
  try {
    memory = static_cast<std::byte*>(AllocateTable(bytes));
  } catch (...) {
    heap.accounting.UndoNative(bytes);
    throw;
  }
  OweWaitIfFarBeyondGoal(heap, bytes);
  auto* const arrays = ::new (memory) TableArrays;
  arrays->capacity_ = static_cast<std::uint32_t>(capacity);
  arrays->mask_ = slots - 1;
  arrays->shift_ = std::countl_zero(std::uint64_t{slots - 1});
  arrays->entry_bytes_ = static_cast<std::uint32_t>(entry_bytes);
  arrays->entries_ = memory + entries_at;
  arrays->bytes_ = bytes;
  if (has_index) {
    arrays->index_ = reinterpret_cast<std::atomic<std::uint32_t>*>(memory + index_at);
    std::uninitialized_value_construct_n(arrays->index_, slots);
  } else {
    arrays->placed_ = reinterpret_cast<PlacedEntry*>(arrays->entries_);
    arrays->placed_shift_ = arrays->shift_;
    std::uninitialized_default_construct_n(arrays->placed_, slots);
  }
  return arrays;
}

void TableArrays::Free(HeapState& heap, TableArrays* arrays) {
  if (arrays == Empty()) return;
  heap.accounting.GiveNative(arrays->bytes_);
  FreeTable(arrays, arrays->bytes_);
}

void TableArrays::Retire(HeapState& heap, TableArrays* arrays) {
  if (arrays == Empty()) return;
  if (NobodyElseReads(heap)) {
    heap.accounting.UndoNative(arrays->bytes_);
    return FreeTable(arrays, arrays->bytes_);
  }
  MutexLock lock(heap.retired_mutex);
  arrays->next_ = std::exchange(heap.retired, arrays);
}

TableArrays* TableArrays::TakeRetired(HeapState& heap) {
  MutexLock lock(heap.retired_mutex);
  return std::exchange(heap.retired, nullptr);
}

void TableArrays::FreeAll(HeapState& heap, TableArrays* retired) {
  while (retired != nullptr) Free(heap, std::exchange(retired, retired->next_));
}

}  // namespace elegy::internal
