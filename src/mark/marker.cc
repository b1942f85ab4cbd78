#include "src/mark/marker.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "src/base/chaos.h"
#include "src/base/check.h"
#include "src/platform/platform.h"

namespace elegy::internal {

namespace {

void* Tagged(void* start) {
  return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(start) | kMarkedTag);
}

}  // namespace

Marker::Marker(HeapState& heap, MarkingState& state, Role role)
    : heap_(heap),
      pool_(heap.pool),
      state_(state),
      role_(role),
      marks_(heap.MarkBits()),
      condemned_(heap.Condemned()) {}

Marker::~Marker() {
  while (queue_size_ > 0) {
    const Pending& left = queue_[queue_at_];
    queue_at_ = (queue_at_ + 1) % kQueue;
    queue_size_--;
    PushEntry(reinterpret_cast<void*>(left.entry));
  }
  PublishStack();
  PublishDeferred();
  state_.AddFound(cells_, tables_);
}

void Marker::SetStack(std::unique_ptr<Segment> stack) {
  stack_ = std::move(stack);
  bottom_ = stack_->entries;
  cursor_ = bottom_ + stack_->size;
  limit_ = bottom_ + Segment::kCapacity;
}

void Marker::PublishStack() {
  if (stack_ == nullptr) return;
  stack_->size = static_cast<std::size_t>(cursor_ - bottom_);
  heap_.worklist.Publish(std::move(stack_));
  bottom_ = cursor_ = limit_ = nullptr;
}

// On a list of their own, for the next assistant would take them first, and defer them again.
void Marker::PublishDeferred() {
  for (std::size_t begin = 0; begin < deferred_.size(); begin += Segment::kCapacity) {
    auto segment = std::make_unique_for_overwrite<Segment>();
    segment->size = std::min(deferred_.size() - begin, Segment::kCapacity);
    std::copy_n(deferred_.begin() + static_cast<std::ptrdiff_t>(begin), segment->size,
                segment->entries);
    heap_.worklist.PublishDeferred(std::move(segment));
  }
}

// The lower half are the entries pushed first: the larger parts of the graph.
void Marker::ShareLowerHalf() {
  const auto size = static_cast<std::size_t>(cursor_ - bottom_);
  if (size < 2 || !heap_.worklist.HasIdleMarkers()) return;
  auto lower = std::make_unique_for_overwrite<Segment>();
  lower->size = size / 2;
  std::memcpy(lower->entries, bottom_, lower->size * sizeof(void*));
  std::memmove(bottom_, bottom_ + lower->size, (size - lower->size) * sizeof(void*));
  cursor_ -= lower->size;
  heap_.worklist.Publish(std::move(lower));
}

void Marker::Push(void* object) { PushEntry(Untagged(object)); }

void Marker::PushEntry(void* entry) {
  if (cursor_ == limit_) [[unlikely]] {
    PublishStack();
    SetStack(std::make_unique_for_overwrite<Segment>());
  }
  *cursor_++ = entry;
}

void Marker::MarkCandidate(void* word, ObjectBits allocated) {
  const ObjectRef ref = heap_.Resolve(word);
  if (ref.index >= heap_.pool.Info(ref.block).Capacity()) return;  // the rest at a block's end
  const std::uint64_t mask = ObjectBits::MaskOf(ref.index);
  if ((allocated.WordAcquire(ref.block, ref.index / 64) & mask) == 0) return;
  ELEGY_CHAOS_POINT("candidate tested, not marked");
  if (ObjectBits::TrySet(marks_.WordOf(ref.block, ref.index), mask)) PushEntry(Tagged(ref.start));
}

void Marker::OnSlot(const void*, void* target) {
  if (target != nullptr) Push(target);
}

void Marker::OnWeakCell(const WeakCell& cell) {
  void* const target = cell.Target();
  if (target == nullptr) return;
  if (!heap_.IsMarked(target) ||
      (condemned_ != nullptr && condemned_->contains(heap_.Resolve(target).start))) {
    cells_.push_back(const_cast<WeakCell*>(&cell));
  }
}

void Marker::OnTable(TracedTable& table) {
  tables_.push_back(&table);
  waiting_.push_back(&table);
}

bool Marker::IsMarkedOrFile(void* key, TracedTable& table) {
  const ObjectRef ref = heap_.Resolve(key);
  std::atomic<std::uint64_t>& word = marks_.WordOf(ref.block, ref.index);
  if (marks_.Test(ref.block, ref.index)) return true;
  ELEGY_CHAOS_POINT("key white, about to file");
  return !state_.ephemerons.File(ref.start, word, ObjectBits::MaskOf(ref.index), table);
}

inline Marker::Pending Marker::Prefetch(void* entry) const {
  const auto bits = reinterpret_cast<std::uintptr_t>(entry);
  void* const address = reinterpret_cast<void*>(bits & ~kMarkedTag);
  if (!heap_.Contains(address)) [[unlikely]]
    Fail("a slot holds a pointer to an object of another heap, or of none");
  const ObjectRef ref = ObjectRef::Of(pool_, address);
  std::atomic<std::uint64_t>& word = marks_.WordOf(ref.block, ref.index);
  __builtin_prefetch(&word, 1);
  __builtin_prefetch(ref.start);
  return {reinterpret_cast<std::uintptr_t>(ref.start) | (bits & kMarkedTag), &word,
          static_cast<std::uint32_t>(ref.block), static_cast<std::uint32_t>(ref.index % 64)};
}

inline void Marker::Process(const Pending& object) {
  const bool tagged = (object.entry & kMarkedTag) != 0;
  if (!tagged && !ObjectBits::SetIfClear(*object.word, ObjectBits::MaskOf(object.bit))) return;
  ELEGY_CHAOS_POINT("marked, not traced");
  marked_++;
  void* const start = reinterpret_cast<void*>(object.entry & ~kMarkedTag);
  // Read after the mark was set: see src/mark/ephemerons.h.
  const BlockWord block = pool_.Info(object.block).Word();
  if (block.HasWeakKeys() && !ReleaseEntries(start)) [[unlikely]]
    return;
  const Shape& shape = block.GetShape();
  if (block.Kind() != BlockKind::kSmall || shape.is_container || block.HasFailed()) [[unlikely]] {
    TraceApart(start, block);
  } else if (shape.trace != nullptr) {
    shape.trace(start, *this);
  }
}

bool Marker::ReleaseEntries(void* key) {
  ELEGY_CHAOS_POINT("about to release entries");
  PendingEphemerons::Tables tables;
  const bool is_mutator = role_ == Role::kAssistant;
  const std::size_t most = is_mutator ? PendingEphemerons::kMostForMutators : SIZE_MAX;
  if (!state_.ephemerons.Release(key, most, tables)) {
    deferred_.push_back(Tagged(key));
    return false;
  }
  for (TracedTable* table : tables) table->MarkValueOf(key, *this);
  return true;
}

// Large objects, those with tables, and those of blocks in which something is none.
void Marker::TraceApart(void* start, BlockWord block) {
  const TypeInfo& type = *block.GetShape().type;
  if (type.trace == nullptr) return;
  if (block.HasFailed() && heap_.failed.IsFailed(ObjectRef::Of(pool_, start))) return;
  if (type.is_container && role_ == Role::kAssistant) {
    // Its table may be long: a marker thread's work.
    deferred_.push_back(Tagged(start));
  } else if (block.Kind() != BlockKind::kSmall && type.trace_elements != nullptr) {
    TracePart({start, 0});
  } else {
    type.trace(start, *this);
  }
}

void Marker::TracePart(ArrayPart part) {
  const TypeInfo& type = *heap_.InfoOf(part.array).Type();
  const std::size_t end = part.begin + kArrayPart;
  // The rest is published before this part is traced, so that another marker may take it.
  const std::size_t length = type.trace_elements(part.array, 0, 0, *this);
  if (end < length) heap_.worklist.PublishPart({part.array, end});
  type.trace_elements(part.array, part.begin, end, *this);
}

void Marker::DrainStack(std::size_t& budget) {
  // In registers, as far as they go.
  std::size_t at = queue_at_;
  std::size_t size = queue_size_;
  bool done = false;
  while (budget > 0 && !done) {
    std::size_t left = std::min(budget, kShareEvery);
    budget -= left;
    do {
      while (size < kQueue && !StackEmpty()) {
        queue_[(at + size) % kQueue] = Prefetch(*--cursor_);
        size++;
      }
      done = size == 0;
      if (done) break;
      const Pending& next = queue_[at];
      at = (at + 1) % kQueue;
      size--;
      Process(next);
    } while (--left > 0);
    budget += left;
    if (!done) ShareLowerHalf();
  }
  queue_at_ = at;
  queue_size_ = size;
}

void Marker::Adopt(Worklist::Work work) {
  if (work.part.array != nullptr) return TracePart(work.part);
  SetStack(std::move(work.segment));
}

Worklist::Work Marker::NextWork(int markers) {
  while (!waiting_.empty()) {
    if (Worklist::Work work = heap_.worklist.TryTake()) return work;
    TracedTable* const table = waiting_.back();
    waiting_.pop_back();
    table->Mark(*this);
    std::size_t no_budget = SIZE_MAX;
    DrainStack(no_budget);
  }
  const std::uint64_t begin = platform::NowNs();
  Worklist::Work work = heap_.worklist.TakeOrFinish(markers);
  idle_ns_ += platform::NowNs() - begin;
  return work;
}

std::size_t Marker::Drain(int markers) {
  const std::size_t before = marked_;
  std::size_t no_budget = SIZE_MAX;
  DrainStack(no_budget);
  while (Worklist::Work work = NextWork(markers)) {
    Adopt(std::move(work));
    DrainStack(no_budget);
  }
  return marked_ - before;
}

bool Marker::MarkSome(std::size_t objects) {
  std::size_t budget = objects;
  bool found = false;
  while (budget > 0) {
    Worklist::Work work = heap_.worklist.TryTake();
    if (!work) break;
    found = true;
    const bool is_part = work.part.array != nullptr;
    Adopt(std::move(work));
    DrainStack(budget);
    // A part may hold nothing but null: its length counts.
    if (is_part) budget -= std::min(budget, kPartCost);
  }
  return found;
}

}  // namespace elegy::internal
