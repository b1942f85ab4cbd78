#include "src/heap/space.h"

#include <algorithm>

namespace elegy::internal {

// Another epoch than the caller's: the caller has gone on to a new one whose sweep has not begun,
// or the block was given back by a mutator that has, and the caller has not.
void Space::TakeFrom(std::vector<std::uint32_t>& list, const BlockPool& pool, std::uint32_t epoch,
                     std::size_t most, std::vector<std::uint32_t>& blocks) {
  MutexLock lock(mutex_);
  const std::size_t share = ShareOf(list.size(), most);
  auto first = list.end();
  while (list.end() - first < static_cast<std::ptrdiff_t>(share) &&
         pool.Info(*(first - 1)).Epoch() == epoch) {
    --first;
  }
  blocks.insert(blocks.end(), first, list.end());
  list.erase(first, list.end());
}

void Space::AddAvailable(std::size_t block) {
  MutexLock lock(mutex_);
  available_.push_back(static_cast<std::uint32_t>(block));
}

void Space::AddFreshBlock(std::size_t block) {
  MutexLock lock(mutex_);
  for (std::vector<std::uint32_t>* list : {&blocks_, &available_, &scarce_, &unswept_}) {
    if (list->capacity() <= count_) list->reserve(std::max<std::size_t>(4, count_ * 2));
  }
  if (held_.Reserved() <= count_) held_.Reserve(std::max<std::size_t>(4, count_ * 2));
  blocks_.push_back(static_cast<std::uint32_t>(block));
  count_++;
}

std::size_t Space::ReleaseHeld() {
  MutexLock lock(mutex_);
  const std::size_t block = held_.TakeAny();
  if (block != BlockPool::kNoBlock) count_--;
  return block;
}

std::size_t Space::TakeUnswept(std::span<std::uint32_t> room) {
  MutexLock lock(mutex_);
  const std::size_t count = std::min(unswept_.size(), room.size());
  const auto first = unswept_.end() - static_cast<std::ptrdiff_t>(count);
  std::copy(first, unswept_.end(), room.begin());
  unswept_.erase(first, unswept_.end());
  return count;
}

void Space::AddSwept(std::span<const Swept> blocks) {
  MutexLock lock(mutex_);
  for (const Swept& swept : blocks) {
    if (swept.place == Place::kHeld) {
      held_.Add(swept.block);
      continue;
    }
    blocks_.push_back(swept.block);
    if (swept.place == Place::kAvailable) available_.push_back(swept.block);
    if (swept.place == Place::kScarce) scarce_.push_back(swept.block);
  }
}

Space& SpaceTable::Get(std::uint32_t number) {
  MutexLock lock(mutex_);
  if (number >= by_number_.size()) by_number_.resize(number + 1, nullptr);
  if (by_number_[number] == nullptr) {
    all_.push_back(std::make_unique<Space>(number));
    by_number_[number] = all_.back().get();
  }
  return *by_number_[number];
}

std::size_t SpaceTable::Count() {
  MutexLock lock(mutex_);
  return all_.size();
}

Space* SpaceTable::At(std::size_t index) {
  MutexLock lock(mutex_);
  return all_[index].get();
}

}  // namespace elegy::internal
