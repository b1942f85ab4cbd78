#include "src/heap/space.h"

#include <utility>

#include "src/heap/size_class.h"

namespace elegy::internal {

namespace {

Mutex g_numbers_mutex;
std::uint32_t g_next_space ELEGY_GUARDED_BY(g_numbers_mutex) = 1;

}  // namespace

std::uint32_t AssignSpaces(const TypeInfo& type, bool is_array) {
  MutexLock lock(g_numbers_mutex);
  if (type.Space() == 0) {
    // Relaxed: who reads the number finds a space for it, or makes one, under a lock.
    type.space.store(g_next_space, std::memory_order_relaxed);
    g_next_space += is_array ? static_cast<std::uint32_t>(kArrayClasses) : 1;
  }
  return type.Space();
}

// Another epoch than the caller's: the caller has gone on to a new one whose sweep has not begun,
// or the block was given back by a mutator that has, and the caller has not.
std::size_t Space::TakeFrom(std::vector<std::uint32_t>& list, const BlockPool& pool,
                            std::uint32_t epoch) {
  MutexLock lock(mutex_);
  if (list.empty() || pool.Info(list.back()).Epoch() != epoch) return BlockPool::kNoBlock;
  const std::size_t block = list.back();
  list.pop_back();
  return block;
}

void Space::AddTo(std::vector<std::uint32_t>& list, std::size_t block) {
  MutexLock lock(mutex_);
  list.push_back(static_cast<std::uint32_t>(block));
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

void Space::Hold(std::size_t block) {
  MutexLock lock(mutex_);
  held_.Add(block);
}

std::size_t Space::TakeHeld() {
  MutexLock lock(mutex_);
  return held_.TakeLowest();
}

std::size_t Space::ReleaseHeld() {
  MutexLock lock(mutex_);
  const std::size_t block = held_.TakeAny();
  if (block != BlockPool::kNoBlock) count_--;
  return block;
}

void Space::AddBlock(std::size_t block) {
  MutexLock lock(mutex_);
  blocks_.push_back(static_cast<std::uint32_t>(block));
}

std::size_t Space::TakeUnswept() {
  MutexLock lock(mutex_);
  if (unswept_.empty()) return BlockPool::kNoBlock;
  const std::size_t block = unswept_.back();
  unswept_.pop_back();
  return block;
}

SpaceTable::SpaceTable() = default;

Space& SpaceTable::Get(std::uint32_t number, const TypeInfo& type, std::uint32_t stride) {
  MutexLock lock(mutex_);
  if (number >= by_number_.size()) by_number_.resize(number + 1, nullptr);
  if (by_number_[number] == nullptr) {
    all_.push_back(std::make_unique<Space>(type, stride));
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
