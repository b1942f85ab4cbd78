#include "elegy/internal/kept_alive.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "elegy/internal/mutator_core.h"
#include "elegy/internal/weak_cell.h"
#include "src/base/chaos.h"

namespace elegy::internal {

namespace {

constexpr std::size_t kFirstRoom = 64;

// Duplicates are removed when so many entries may be there twice, or as many as the list had when
// that was last done.
constexpr std::size_t kLeastAgain = 1024;

}  // namespace

void KeptList::MoveTo(std::size_t room) {
  std::shared_ptr<void*[]> entries(std::make_unique_for_overwrite<void*[]>(room));
  end_ = std::copy(begin(), end(), entries.get());
  limit_ = entries.get() + room;
  entries_ = std::move(entries);
  shared_ = false;
}

void KeptList::Append(void* target) {
  if (end_ == limit_) MoveTo(std::max(2 * static_cast<std::size_t>(end_ - begin()), kFirstRoom));
  *end_++ = target;
}

void KeptList::AppendAgain(void* target) {
  const bool many = again_ + 1 >= std::max(again_limit_, kLeastAgain);
  if (many && shared_) MoveTo(static_cast<std::size_t>(limit_ - begin()));
  Append(target);
  again_++;
  if (!many) return;
  std::sort(begin(), end());
  end_ = std::unique(begin(), end());
  again_ = 0;
  again_limit_ = static_cast<std::size_t>(end_ - begin());
}

std::uint64_t TurnNumber::NewSeries() {
  static std::atomic<std::uint64_t> series{0};
  // Relaxed: unique, nothing more.
  return (2 * series.fetch_add(1, std::memory_order_relaxed) + 1) << kTurnBits;
}

// A stamp of this mutator's says that the target is of its heap.
void TurnStamp::Keep(MutatorCore& mutator, void* target) {
  const std::uint64_t age = mutator.turn.value() - Load();
  if (age == 0) return;
  CheckOwnHeap(mutator, target);
  ELEGY_CHAOS_POINT("read, not kept");
  if (age >> TurnNumber::kTurnBits == 0) {
    mutator.kept.Append(target);
  } else {
    mutator.kept.AppendAgain(target);
  }
  Store(mutator.turn.value());
}

void* DerefSlowly(MutatorCore& mutator, const WeakCell& cell, TurnStamp& stamp) {
  void* const target = cell.Read(mutator);
  if (target != nullptr) stamp.Keep(mutator, target);
  return target;
}

}  // namespace elegy::internal
