#include "elegy/internal/weak_table.h"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "elegy/internal/weak_cell.h"
#include "src/mutator/mutator_impl.h"
#include "src/weak/table_access.h"

namespace elegy::internal {

namespace {

constexpr std::uint32_t kErased = UINT32_MAX;
constexpr std::size_t kFirstCapacity = 8;
constexpr std::size_t kNone = SIZE_MAX;

// How many entries the collector looks at while it holds the lock once.
constexpr std::size_t kStride = 128;

std::size_t HashOf(const void* key) {
  return static_cast<std::size_t>((reinterpret_cast<std::uintptr_t>(key) >> 3) *
                                  std::uint64_t{0x9E3779B97F4A7C15}) >>
         16;
}

std::size_t BytesOf(std::size_t capacity, std::size_t entry_bytes) {
  return capacity * (entry_bytes + 2 * sizeof(std::uint32_t));
}

}  // namespace

WeakTable::WeakTable(const ValueOps& ops)
    : ops_(ops),
      value_offset_(RoundUp(sizeof(Entry), ops.alignment)),
      entry_bytes_(RoundUp(value_offset_ + ops.bytes, std::max(alignof(Entry), ops.alignment))),
      heap_(CurrentImpl().state) {}

WeakTable::~WeakTable() {
  MutexLock lock(mutex_);
  DestroyEntries();
}

void* WeakTable::KeyOf(const void* given) {
  if (given == nullptr) return nullptr;
  return StartOfOwn(CurrentImpl(), given);
}

std::size_t WeakTable::IndexSlotOf(const void* key) {
  if (index_.empty()) return kNone;
  const std::size_t mask = index_.size() - 1;
  for (std::size_t slot = HashOf(key) & mask;; slot = (slot + 1) & mask) {
    const std::uint32_t number = index_[slot];
    if (number == 0) return kNone;
    if (number != kErased && At(number - 1).key == key) return slot;
  }
}

void* WeakTable::Find(const void* key) {
  const std::size_t slot = IndexSlotOf(key);
  return slot == kNone ? nullptr : ValueAt(index_[slot] - 1);
}

void WeakTable::MakeRoom() {
  if (used_ < capacity_) return;
  // Half full of holes: the same size will do.
  Rebuild(std::max(kFirstCapacity, size_ * 2 > capacity_ ? capacity_ * 2 : capacity_));
}

void* WeakTable::Insert(void* key, const void* given) {
  const std::size_t mask = index_.size() - 1;
  std::size_t slot = HashOf(key) & mask;
  while (index_[slot] != 0 && index_[slot] != kErased) slot = (slot + 1) & mask;
  // Before the entry can be found: a marker that files it must see the flag (mark/ephemerons.h).
  const ObjectRef ref = heap_.Resolve(key);
  heap_.pool.Info(ref.block).SetHasWeakKeys();
  NoteWeakWrite(CurrentMutator(), *this);
  index_[slot] = static_cast<std::uint32_t>(used_ + 1);
  ::new (&At(used_)) Entry{key, const_cast<void*>(given), next_order_++};
  size_++;
  return ValueAt(used_++);
}

void WeakTable::EraseAt(std::size_t index_slot) {
  const std::size_t number = index_[index_slot] - 1;
  index_[index_slot] = kErased;
  At(number).key = nullptr;
  size_--;
  ops_.destroy(ValueAt(number));
}

bool WeakTable::Erase(const void* key) {
  const std::size_t slot = IndexSlotOf(key);
  if (slot == kNone) return false;
  ShadeOverwritten(ValueAt(index_[slot] - 1));
  EraseAt(slot);
  return true;
}

void WeakTable::EraseAll() {
  for (std::size_t i = 0; i < used_; i++) {
    if (At(i).key != nullptr) ShadeOverwritten(ValueAt(i));
  }
  DestroyEntries();
}

void WeakTable::DestroyEntries() {
  for (std::size_t i = 0; i < used_; i++) {
    if (At(i).key != nullptr) ops_.destroy(ValueAt(i));
  }
  FreeArray();
  entries_ = nullptr;
  capacity_ = used_ = size_ = 0;
  index_ = {};
  layout_++;
}

void WeakTable::FreeArray() {
  FreeTable(entries_, capacity_ * entry_bytes_);
  heap_.accounting.Give(BytesOf(capacity_, entry_bytes_));
}

// Moves the entries, in their order, to an array of this capacity.
void WeakTable::Rebuild(std::size_t capacity) {
  if (capacity >= kErased / 2) throw std::bad_alloc();
  const std::size_t bytes = BytesOf(capacity, entry_bytes_);
  if (!heap_.accounting.TryTake(bytes, heap_.options.max_heap_bytes)) throw std::bad_alloc();
  std::byte* entries;
  Index index;
  try {
    index.resize(std::bit_ceil(capacity * 2));
    entries = static_cast<std::byte*>(AllocateTable(capacity * entry_bytes_));
  } catch (...) {
    heap_.accounting.Give(bytes);
    throw;
  }
  const std::size_t mask = index.size() - 1;
  std::size_t number = 0;
  for (std::size_t i = 0; i < used_; i++) {
    const Entry& entry = At(i);
    if (entry.key == nullptr) continue;
    std::byte* const to = entries + number * entry_bytes_;
    ::new (to) Entry(entry);
    ops_.move(to + value_offset_, ValueAt(i));
    ops_.destroy(ValueAt(i));
    std::size_t slot = HashOf(entry.key) & mask;
    while (index[slot] != 0) slot = (slot + 1) & mask;
    index[slot] = static_cast<std::uint32_t>(++number);
  }
  FreeArray();
  entries_ = entries;
  capacity_ = capacity;
  used_ = number;
  index_ = std::move(index);
  layout_++;
}

void WeakTable::ShadeOverwritten(const void* value) { ShadeDropped(ops_, value); }
void WeakTable::ShadeInserted(const void* value) { ShadeAdded(ops_, value); }

std::size_t WeakTable::CountLive(const MutatorCore& core) {
  const auto& mutator = static_cast<const MutatorImpl&>(core);
  if (PhaseWord::PhaseOf(heap_.phase.Load()) != Phase::kWeakClosed) return size_;
  std::size_t live = 0;
  for (std::size_t i = 0; i < used_; i++) {
    const Entry& entry = At(i);
    live += entry.key != nullptr && !IsDeadTarget(mutator, entry.key) ? 1 : 0;
  }
  return live;
}

// Entries stand in the order of their insertion.
std::size_t WeakTable::FirstAfter(std::uint64_t order) {
  std::size_t low = 0;
  std::size_t high = used_;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (At(middle).order > order) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

const WeakTable::Entry* WeakTable::NextLive(MutatorCore& core, std::uint64_t after, void** value) {
  auto& mutator = static_cast<MutatorImpl&>(core);
  for (std::size_t i = FirstAfter(after); i < used_; i++) {
    const Entry& entry = At(i);
    if (entry.key == nullptr || ReadWeakTarget(mutator, entry.key) == nullptr) continue;
    *value = ValueAt(i);
    return &entry;
  }
  return nullptr;
}

void WeakTable::Mark(TableMarker& marker) {
  if (ops_.trace == nullptr) return;
  std::uint64_t layout = UINT64_MAX;
  for (std::size_t next = 0;;) {
    MutexLock lock(mutex_);
    if (layout != layout_) {
      layout = layout_;
      next = 0;
    }
    const std::size_t end = std::min(next + kStride, used_);
    for (; next < end; next++) {
      void* const key = At(next).key;
      if (key == nullptr || !marker.IsMarkedOrFile(key, *this)) continue;
      ops_.trace(ValueAt(next), marker.visitor());
    }
    if (next == used_) return;
  }
}

void WeakTable::MarkValueOf(void* key, Visitor& visitor) {
  MutexLock lock(mutex_);
  if (const void* value = Find(key)) ops_.trace(value, visitor);
}

std::size_t WeakTable::ClearDead(const Liveness& liveness) {
  std::size_t cleared = 0;
  std::uint64_t layout = UINT64_MAX;
  for (std::size_t next = 0;;) {
    MutexLock lock(mutex_);
    if (layout != layout_) {
      layout = layout_;
      next = 0;
    }
    const std::size_t end = std::min(next + kStride, used_);
    for (; next < end; next++) {
      void* const key = At(next).key;
      if (key == nullptr || liveness.IsLive(key)) continue;
      EraseAt(IndexSlotOf(key));
      cleared++;
    }
    if (next < used_) continue;
    ShrinkIfSparse();
    return cleared;
  }
}

// Gives memory back after many keys have died. Without room for the smaller array, it stays.
void WeakTable::ShrinkIfSparse() {
  if (capacity_ <= kFirstCapacity || size_ * 4 > capacity_) return;
  if (size_ == 0) return DestroyEntries();
  try {
    Rebuild(std::max(kFirstCapacity, std::bit_ceil(size_ * 2)));
  } catch (const std::bad_alloc&) {
    return;
  }
}

}  // namespace elegy::internal
