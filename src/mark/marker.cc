#include "src/mark/marker.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "src/base/chaos.h"
#include "src/base/check.h"

namespace elegy::internal {

namespace {

void* Tagged(void* start) {
  return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(start) | kMarkedTag);
}

}  // namespace

Marker::Marker(HeapState& heap, MarkingState& state, Role role)
    : heap_(heap),
      state_(state),
      role_(role),
      marks_(heap.MarkBits()),
      note_all_cells_(heap.Condemned() != nullptr) {
  NewStack();
}

Marker::~Marker() {
  while (queue_size_ > 0) {
    const Pending& left = queue_[queue_at_];
    queue_at_ = (queue_at_ + 1) % kQueue;
    queue_size_--;
    PushEntry(left.tagged ? Tagged(left.start) : left.start);
  }
  for (void* entry : deferred_) PushEntry(entry);
  PublishStack();
  state_.AddFound(cells_, tables_);
}

void Marker::NewStack() {
  stack_ = std::make_unique<Segment>();
  cursor_ = stack_->entries;
  limit_ = stack_->entries + Segment::kCapacity;
}

void Marker::PublishStack() {
  stack_->size = static_cast<std::size_t>(cursor_ - stack_->entries);
  heap_.worklist.Publish(std::move(stack_));
  NewStack();
}

// The lower half are the entries pushed first: the larger parts of the graph.
void Marker::ShareLowerHalf() {
  const auto size = static_cast<std::size_t>(cursor_ - stack_->entries);
  if (size < 2 || !heap_.worklist.HasIdleMarkers()) return;
  auto lower = std::make_unique<Segment>();
  lower->size = size / 2;
  std::memcpy(lower->entries, stack_->entries, lower->size * sizeof(void*));
  std::memmove(stack_->entries, stack_->entries + lower->size,
               (size - lower->size) * sizeof(void*));
  cursor_ -= lower->size;
  heap_.worklist.Publish(std::move(lower));
}

void Marker::Push(void* object) { PushEntry(Untagged(object)); }

void Marker::PushEntry(void* entry) {
  if (cursor_ == limit_) PublishStack();
  *cursor_++ = entry;
}

void Marker::MarkCandidate(void* word, ObjectBits allocated) {
  const ObjectRef ref = heap_.Resolve(word);
  if (ref.index >= ref.info->Capacity()) return;  // the rest at a block's end
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
  if (note_all_cells_ || !heap_.IsMarked(target)) cells_.push_back(const_cast<WeakCell*>(&cell));
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

void Marker::Enqueue(void* entry) {
  const auto bits = reinterpret_cast<std::uintptr_t>(entry);
  const bool tagged = (bits & kMarkedTag) != 0;
  void* const address = reinterpret_cast<void*>(bits & ~kMarkedTag);
  if (!heap_.Contains(address)) [[unlikely]]
    Fail("a slot holds a pointer to an object of another heap, or of none");
  const ObjectRef ref = heap_.Resolve(address);
  Pending& last = queue_[(queue_at_ + queue_size_) % kQueue];
  queue_size_++;
  last = {ref.start, &marks_.WordOf(ref.block, ref.index), ObjectBits::MaskOf(ref.index), ref.info,
          tagged};
  __builtin_prefetch(last.word, 1);
  __builtin_prefetch(ref.start);
}

void Marker::Process(const Pending& object) {
  if (!object.tagged && !ObjectBits::TrySet(*object.word, object.mask)) return;
  ELEGY_CHAOS_POINT("marked, not traced");
  marked_++;
  TraceObject(object.start, *object.info);
  if (object.info->HasWeakKeys()) [[unlikely]] {
    ELEGY_CHAOS_POINT("about to release entries");
    for (TracedTable* table : state_.ephemerons.Release(object.start)) {
      table->MarkValueOf(object.start, *this);
    }
  }
}

void Marker::TraceObject(void* start, const BlockInfo& info) {
  const TypeInfo& type = *info.Type();
  if (type.trace == nullptr) return;
  if (type.is_container && role_ == Role::kAssistant) [[unlikely]] {
    // Its table may be long: a marker thread's work. The entry filed under it stays with the tag.
    deferred_.push_back(Tagged(start));
    return;
  }
  if (info.Stride() == 0 && type.trace_elements != nullptr) return TracePart({start, 0});
  type.trace(start, *this);
}

void Marker::TracePart(ArrayPart part) {
  const TypeInfo& type = *heap_.Resolve(part.array).info->Type();
  const std::size_t end = part.begin + kArrayPart;
  // The rest is published before this part is traced, so that another marker may take it.
  const std::size_t length = type.trace_elements(part.array, 0, 0, *this);
  if (end < length) heap_.worklist.PublishPart({part.array, end});
  type.trace_elements(part.array, part.begin, end, *this);
}

void Marker::DrainStack(std::size_t& budget) {
  while (true) {
    while (queue_size_ < kQueue && !StackEmpty()) Enqueue(*--cursor_);
    if (queue_size_ == 0) return;
    const Pending next = queue_[queue_at_];
    queue_at_ = (queue_at_ + 1) % kQueue;
    queue_size_--;
    Process(next);
    if (--budget == 0) return;
    if (--until_share_ == 0) {
      until_share_ = kShareEvery;
      ShareLowerHalf();
    }
  }
}

void Marker::Adopt(Worklist::Work work) {
  if (work.part.array != nullptr) return TracePart(work.part);
  stack_ = std::move(work.segment);
  cursor_ = stack_->entries + stack_->size;
  limit_ = stack_->entries + Segment::kCapacity;
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
  return heap_.worklist.TakeOrFinish(markers);
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
