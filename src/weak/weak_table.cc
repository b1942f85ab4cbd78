#include "elegy/internal/weak_table.h"

#include <algorithm>
#include <bit>
#include <new>
#include <utility>

#include "elegy/internal/collector_lock.h"
#include "elegy/internal/weak_cell.h"
#include "src/base/chaos.h"
#include "src/base/check.h"
#include "src/mutator/mutator_impl.h"
#include "src/mutator/weak_access.h"
#include "src/weak/table_access.h"
#include "src/weak/table_arrays.h"

namespace elegy::internal {

namespace {

constexpr std::size_t kFirstCapacity = 8;

// How many entries the collector looks at while it holds the lock once: twice as many each time
// that it has had to wait for it, up to what takes some milliseconds.
constexpr std::size_t kStride = 128;
constexpr std::size_t kMostStride = std::size_t{32} << 10;

// How often it begins again. Then it keeps the lock to the end: mutators may rebuild a table, which
// holds the lock as long, more often than it can be walked.
constexpr int kMostRestarts = 3;

// A walk of the collector through a table's entries, some each time it has the lock.
class EntryWalk {
 public:
  // The next entries, of so many in all, are those from begin() to end(). `waited`: for the lock.
  void Advance(std::uint64_t layout, std::size_t all, bool waited) {
    if (waited) stride_ = std::min(2 * stride_, kMostStride);
    if (layout != layout_) {
      layout_ = layout;
      end_ = 0;
      starts_++;
    }
    begin_ = end_;
    end_ = starts_ > kMostRestarts ? all : std::min(begin_ + stride_, all);
    has_ended_ = end_ == all;
  }
  std::size_t begin() const { return begin_; }
  std::size_t end() const { return end_; }
  bool HasEnded() const { return has_ended_; }

 private:
  std::uint64_t layout_ = UINT64_MAX;  // no table's
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t stride_ = kStride;
  int starts_ = 0;
  bool has_ended_ = false;
};

}  // namespace

WeakTable::WeakTable(const ValueOps& ops, EntryOrder order)
    : ops_(ops),
      order_(order),
      value_offset_(order == EntryOrder::kHash ? sizeof(TableEntry)
                                               : RoundUp(sizeof(OrderedEntry), ops.alignment)),
      entry_bytes_(
          order == EntryOrder::kHash
              ? sizeof(PlacedEntry)
              : RoundUp(value_offset_ + ops.bytes, std::max(alignof(OrderedEntry), ops.alignment))),
      heap_(CurrentImpl().state),
      arrays_(TableArrays::Empty()) {
  ELEGY_DCHECK(order == EntryOrder::kInsertion || ops.bytes <= sizeof(PlacedEntry::value));
}

// Nobody can be looking anything up in a dead map.
WeakTable::~WeakTable() {
  MutexLock lock(mutex_);
  TableArrays* const arrays = Arrays();
  DestroyEntries();
  TableArrays::Free(heap_, arrays);
}

void WeakTable::CheckMutator() const { CheckUserOfTable(heap_); }

void* WeakTable::KeyOf(const void* given) const {
  if (given == nullptr) return nullptr;
  CheckMutator();
  return StartOfOwn(CurrentImpl(), given);
}

std::size_t WeakTable::Capacity() const { return Arrays()->capacity(); }

TableEntry& WeakTable::At(std::size_t number) { return Arrays()->At(number); }

OrderedEntry& WeakTable::OrderedAt(std::size_t number) {
  return static_cast<OrderedEntry&>(At(number));
}

std::size_t WeakTable::End() const {
  return order_ == EntryOrder::kInsertion ? used_ : Arrays()->places();
}

void* WeakTable::ValueAt(TableArrays* arrays, std::size_t number) const {
  return reinterpret_cast<std::byte*>(&arrays->At(number)) + value_offset_;
}

void* WeakTable::ValueAt(std::size_t number) { return ValueAt(Arrays(), number); }

// The key is mostly given as its object's start: then what is found is right, for only a live
// object's address can be found. If nothing is, it may have been another address in the object, or
// a mistake. As few instructions as can be: docs/performance.md.
const void* WeakTable::FindShared(const void* given) const {
  if (given != nullptr && t_heap == &heap_ && !PhaseWord::IsWeakClosed(heap_.phase.Load()))
      [[likely]] {
    TableArrays* const arrays = SharedArrays();
    ELEGY_CHAOS_POINT("looking up");
    PlacedEntry* entry;
    if (arrays->FindPlaced(given, entry)) [[likely]] {
      ELEGY_CHAOS_POINT("looked up");
      return entry->value;
    }
    std::size_t number;
    if (arrays->FindOrdered(given, number) != TableArrays::kNone) {
      ELEGY_CHAOS_POINT("looked up");
      return ValueAt(arrays, number);
    }
  }
  return FindSharedSlowly(given);
}

const void* WeakTable::FindSharedSlowly(const void* given) const {
  const void* const key = KeyOf(given);
  if (key == nullptr || IsDeadThoughHeld(heap_, key)) return nullptr;
  ELEGY_CHAOS_POINT("looking up");
  const void* const value = FindIn(SharedArrays(), key);
  ELEGY_CHAOS_POINT("looked up");
  return value;
}

void* WeakTable::Find(const void* key) {
  return IsDeadThoughHeld(heap_, key) ? nullptr : FindIn(Arrays(), key);
}

void* WeakTable::FindIn(TableArrays* arrays, const void* key) const {
  std::size_t number;
  return arrays->Find(key, number) == TableArrays::kNone ? nullptr : ValueAt(arrays, number);
}

// Noted before the phase is read: if it is not WeakClosed yet, clearing will come to this table,
// and wait for its lock.
bool WeakTable::MayInsert(const void* key) {
  NoteWeakWrite(CurrentMutator(), *this, key);
  return !IsDeadThoughHeld(heap_, key);
}

void WeakTable::MakeRoom() {
  const std::size_t capacity = Capacity();
  if (used_ < capacity) return;
  // Half full of holes: the same size will do.
  Rebuild(std::max(kFirstCapacity, size_ * 2 > capacity ? capacity * 2 : capacity));
}

void* WeakTable::Insert(void* key, const void* given) {
  // Before the entry can be found: a marker that files it must see the flag (mark/ephemerons.h).
  const ObjectRef ref = heap_.Resolve(key);
  heap_.pool.Info(ref.block).SetHasWeakKeys();
  if (order_ == EntryOrder::kHash) {
    inserted_ = Arrays()->FreePlace(key);
  } else {
    inserted_ = used_;
    ::new (&At(inserted_)) OrderedEntry(key, const_cast<void*>(given), next_order_++);
  }
  return ValueAt(inserted_);
}

void WeakTable::PublishInserted(void* key) {
  ELEGY_CHAOS_POINT("entry to be published");
  Arrays()->Publish(key, inserted_);
  used_++;
  size_++;
}

void WeakTable::EraseAt(std::size_t index_slot, std::size_t number) {
  Arrays()->Erase(index_slot, number);
  size_--;
  ops_.destroy(ValueAt(number));
}

bool WeakTable::Erase(const void* key) {
  if (IsDeadThoughHeld(heap_, key)) return false;
  std::size_t number;
  const std::size_t slot = Arrays()->Find(key, number);
  if (slot == TableArrays::kNone) return false;
  ShadeOverwritten(ValueAt(number));
  EraseAt(slot, number);
  return true;
}

void WeakTable::EraseAll() {
  const std::size_t end = End();
  for (std::size_t i = 0; i < end; i++) {
    // Who erases has the map, but not the keys.
    if (At(i).Key() != nullptr) ShadeDroppedUnreached(heap_, ops_, ValueAt(i));
  }
  TableArrays* const arrays = Arrays();
  DestroyEntries();
  TableArrays::Retire(heap_, arrays);
}

// The arrays themselves are the caller's to retire.
void WeakTable::DestroyEntries() {
  const std::size_t end = End();
  for (std::size_t i = 0; i < end; i++) {
    if (At(i).Key() != nullptr) ops_.destroy(ValueAt(i));
  }
  Publish(TableArrays::Empty());
  used_ = size_ = 0;
  layout_++;
}

// Moves the entries, in their order, to arrays of this capacity. What is looked up in the old ones
// meanwhile is found as it was: values that are looked up without the lock are copied by a move.
void WeakTable::Rebuild(std::size_t capacity) {
  TableArrays* const arrays = TableArrays::New(heap_, order_, capacity, entry_bytes_);
  std::size_t count = 0;
  const std::size_t end = End();
  for (std::size_t i = 0; i < end; i++) {
    void* const key = At(i).Key();
    if (key == nullptr) continue;
    std::size_t number = count++;
    if (order_ == EntryOrder::kHash) {
      number = arrays->FreePlace(key);
    } else {
      ::new (&arrays->At(number)) OrderedEntry(key, OrderedAt(i).given_key, OrderedAt(i).order);
    }
    ops_.move(ValueAt(arrays, number), ValueAt(i));
    ops_.destroy(ValueAt(i));
    arrays->Publish(key, number);
  }
  TableArrays* const old = Arrays();
  Publish(arrays);
  used_ = count;
  layout_++;
  ELEGY_CHAOS_POINT("arrays published");
  TableArrays::Retire(heap_, old);
}

void WeakTable::ShadeOverwritten(const void* value) { ShadeDropped(heap_, ops_, value); }
void WeakTable::ShadeInserted(const void* value) { ShadeAdded(heap_, ops_, value); }

std::size_t WeakTable::CountLive(const MutatorCore& core) {
  const auto& mutator = static_cast<const MutatorImpl&>(core);
  if (!PhaseWord::IsWeakClosed(heap_.phase.Load())) return size_;
  std::size_t live = 0;
  const std::size_t end = End();
  for (std::size_t i = 0; i < end; i++) {
    const void* const key = At(i).Key();
    live += key != nullptr && !IsDeadTarget(mutator, key) ? 1 : 0;
  }
  return live;
}

// Entries stand in the order of their insertion.
std::size_t WeakTable::FirstAfter(std::uint64_t order) {
  std::size_t low = 0;
  std::size_t high = used_;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (OrderedAt(middle).order > order) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

std::uint64_t WeakTable::NextLive(MutatorCore& core, std::uint64_t after, void** given,
                                  void** value) {
  auto& mutator = static_cast<MutatorImpl&>(core);
  for (std::size_t i = FirstAfter(after); i < used_; i++) {
    void* const key = At(i).Key();
    if (key == nullptr || ReadWeakTarget(mutator, key) == nullptr) continue;
    *given = OrderedAt(i).given_key;
    *value = ValueAt(i);
    return OrderedAt(i).order;
  }
  return 0;
}

void WeakTable::Mark(TableMarker& marker) {
  if (ops_.trace == nullptr) return;
  for (EntryWalk walk; !walk.HasEnded();) {
    ELEGY_CHAOS_POINT("about to mark entries");
    const CollectorLock lock(mutex_);
    walk.Advance(layout_, End(), lock.waited());
    for (std::size_t i = walk.begin(); i < walk.end(); i++) {
      void* const key = At(i).Key();
      if (key == nullptr || !marker.IsMarkedOrFile(key, *this)) continue;
      ops_.trace(ValueAt(i), marker.visitor());
    }
  }
}

void WeakTable::MarkValueOf(void* key, Visitor& visitor) {
  const CollectorLock lock(mutex_);
  if (const void* value = FindIn(Arrays(), key)) ops_.trace(value, visitor);
}

std::size_t WeakTable::ClearDead(const Liveness& liveness) {
  std::size_t cleared = 0;
  for (EntryWalk walk; !walk.HasEnded();) {
    ELEGY_CHAOS_POINT("about to clear entries");
    const CollectorLock lock(mutex_);
    walk.Advance(layout_, End(), lock.waited());
    for (std::size_t i = walk.begin(); i < walk.end(); i++) {
      void* const key = At(i).Key();
      if (key == nullptr || liveness.IsLive(key)) continue;
      std::size_t number;
      const std::size_t slot = Arrays()->Find(key, number);
      EraseAt(slot, i);
      cleared++;
    }
    if (walk.HasEnded()) ShrinkIfSparse();
  }
  return cleared;
}

// Gives memory back after many keys have died. Without room for the smaller array, it stays.
void WeakTable::ShrinkIfSparse() {
  const std::size_t capacity = Capacity();
  if (capacity <= kFirstCapacity || size_ * 4 > capacity) return;
  if (size_ == 0) return EraseAll();
  try {
    Rebuild(std::max(kFirstCapacity, std::bit_ceil(size_ * 2)));
  } catch (const std::bad_alloc&) {
    return;
  }
}

}  // namespace elegy::internal
