// A Trace that forgets a slot is found on a type's first objects: every slot constructed inside an
// object must be visited by its Trace.
//
// While g_slot_recorders is not zero every slot's constructor calls RecordSlot, on all threads;
// each thread keeps a stack of the objects it is checking, and notes the slots that lie in them. An
// object is checked between its allocation and its construction, where nothing may throw: without
// memory for the notes there are fewer of them, or no check.

#include <atomic>
#include <new>
#include <string>
#include <unordered_set>
#include <vector>

#include "elegy/internal/allocate.h"
#include "elegy/internal/slot.h"
#include "elegy/internal/weak_cell.h"
#include "elegy/visitor.h"
#include "src/base/check.h"
#include "src/platform/platform.h"

namespace elegy::internal {

// A larger array than this is not checked.
static constexpr std::size_t kMostChecked = std::size_t{1} << 20;

struct SlotCheck::Record {
  const TypeInfo& type;
  const char* begin;
  const char* end;
  Record* outer;
  std::vector<const void*> slots;
};

namespace {

class CollectingVisitor final : public Visitor {
 public:
  bool Saw(const void* slot) const { return slots_.contains(slot); }

 private:
  void OnSlot(const void* slot, void*) override { slots_.insert(slot); }
  void OnWeakCell(const WeakCell& cell) override { slots_.insert(&cell); }
  void OnTable(TracedTable&) override {}

  // Not Abseil's set, which does not survive a failed allocation.
  std::unordered_set<const void*> slots_;
};

// Relaxed: only this thread's own count matters to what it records.
void CountRecorders(std::uint32_t delta) {
  g_slot_recorders.fetch_add(delta, std::memory_order_relaxed);
}

// Relaxed: a few checks more or fewer do not matter.
bool TakeCheck(const TypeInfo& type) {
  if (type.checks_left.load(std::memory_order_relaxed) <= 0) return false;
  return type.checks_left.fetch_sub(1, std::memory_order_relaxed) > 0;  // as above
}

}  // namespace

// The innermost object under check on this thread. Void, for Record is the class's own.
static constinit thread_local void* t_innermost = nullptr;

SlotCheck::SlotCheck(const TypeInfo& type, const void* object, std::size_t bytes) noexcept {
  if (bytes == 0 || bytes > kMostChecked || !TakeCheck(type)) return;
  const auto* const begin = static_cast<const char*>(object);
  record_ =
      new (std::nothrow) Record{type, begin, begin + bytes, static_cast<Record*>(t_innermost), {}};
  if (record_ == nullptr) return;
  t_innermost = record_;
  CountRecorders(1);
}

SlotCheck::~SlotCheck() {
  if (record_ == nullptr) return;
  CountRecorders(~std::uint32_t{0});
  t_innermost = record_->outer;
  delete record_;
}

// Once in a child, for the first of its heaps: when the next goes on it may have other threads.
void SlotCheck::ForgetOtherThreads() {
  static constinit std::atomic<int> last_child = 0;
  const int child = platform::ProcessId();
  if (last_child.exchange(child, std::memory_order_relaxed) == child) return;  // one thread
  std::uint32_t own = 0;
  for (auto* record = static_cast<Record*>(t_innermost); record != nullptr;
       record = record->outer) {
    own++;
  }
  g_slot_recorders.store(own, std::memory_order_relaxed);  // one thread
}

void SlotCheck::Note(const void* slot) noexcept {
  for (auto* record = static_cast<Record*>(t_innermost); record != nullptr;
       record = record->outer) {
    if (slot < record->begin || slot >= record->end) continue;
    try {
      record->slots.push_back(slot);
    } catch (const std::bad_alloc&) {  // one note fewer
    }
    return;
  }
}

void SlotCheck::Compare() {
  if (record_ == nullptr) return;
  CollectingVisitor visitor;
  if (record_->type.trace != nullptr) record_->type.trace(record_->begin, visitor);
  for (const void* slot : record_->slots) {
    if (visitor.Saw(slot)) continue;
    Fail("the Trace of " + std::string(record_->type.name) + " forgets the slot at offset " +
         std::to_string(static_cast<const char*>(slot) - record_->begin) +
         ": every Member, AtomicMember and WeakMember of an object must be visited");
  }
}

void RecordSlot(const void* slot) noexcept { SlotCheck::Note(slot); }

}  // namespace elegy::internal
