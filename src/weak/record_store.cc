#include "src/weak/record_store.h"

#include <limits>
#include <new>

#include "elegy/internal/layout.h"
#include "elegy/internal/table_memory.h"
#include "src/mutator/external_debt.h"

namespace elegy::internal {

namespace {

constexpr std::size_t kFirstSlabBytes = std::size_t{8} << 10;
constexpr std::size_t kMostSlabBytes = std::size_t{2} << 20;
// With what the registry's map takes for a token.
constexpr std::size_t kExtraBytes = sizeof(RecordStore::Extra) + 7 * sizeof(void*);

}  // namespace

RecordStore::RecordStore(HeapState& heap, std::size_t record_bytes)
    : heap_(heap), record_bytes_(record_bytes) {}

RecordStore::~RecordStore() {
  for (const Slab& slab : slabs_) FreeTable(slab.memory, slab.bytes);
}

void RecordStore::AddSlab() {
  const std::size_t doubled = slabs_.empty() ? kFirstSlabBytes : 2 * slabs_.back().bytes;
  const std::size_t bytes =
      std::max(std::min(doubled, kMostSlabBytes), RoundUp(record_bytes_, kMaxAlignment));
  slabs_.reserve(slabs_.size() + 1);
  heap_.TakeNative(bytes);
  OweWaitIfFarBeyondGoal(heap_, bytes);
  try {
    auto* const memory = static_cast<std::byte*>(AllocateTable(bytes));
    slabs_.push_back({memory, bytes, 0, bytes / record_bytes_});
  } catch (...) {
    heap_.accounting.UndoNative(bytes);
    throw;
  }
  bytes_ += bytes;
}

Record& RecordStore::NextFresh() {
  if (slabs_.empty() || slabs_.back().used == slabs_.back().capacity) AddSlab();
  return *::new (&At(slabs_.back(), slabs_.back().used)) Record;
}

std::uint32_t RecordStore::NewExtra(void* token, std::size_t external_bytes) {
  if (free_extra_ == 0) {
    if (extras_.size() == std::numeric_limits<std::uint32_t>::max()) throw std::bad_alloc();
    heap_.TakeNative(kExtraBytes);
    OweWaitIfFarBeyondGoal(heap_, kExtraBytes);
    try {
      extras_.push_back({token, external_bytes});
    } catch (...) {
      heap_.accounting.UndoNative(kExtraBytes);
      throw;
    }
    bytes_ += kExtraBytes;
    return static_cast<std::uint32_t>(extras_.size());
  }
  const std::uint32_t number = free_extra_;
  Extra& extra = extras_[number - 1];
  free_extra_ = extra.place;
  extra = {token, external_bytes};
  return number;
}

void RecordStore::FreeExtra(Record& record) {
  if (record.extra == 0) return;
  ExtraOf(record)->place = free_extra_;
  free_extra_ = record.extra;
  record.extra = 0;
}

}  // namespace elegy::internal
