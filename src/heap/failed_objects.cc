#include "src/heap/failed_objects.h"

#include <algorithm>

#include "src/heap/heap_state.h"

namespace elegy::internal {

namespace {

void Mark(const HeapState& heap, const ObjectRef& ref) {
  ObjectBits::SetIfClear(heap.MarkBits().WordOf(ref.block, ref.index),
                         ObjectBits::MaskOf(ref.index));
}

}  // namespace

template <class F>
void FailedObjects::ForEach(F&& f) {
  if (count_ == 0) return;
  const BlockPool& pool = heap_.pool;
  for (std::size_t block = 0; block < pool.Frontier(); block++) {
    const BlockInfo info = pool.Info(block);
    if (!info.Word().HasFailed()) continue;
    for (std::size_t index = 0; index < info.Capacity(); index++) {
      if (!pool.FailedBits().Test(block, index)) continue;
      f(ObjectRef{block, index, pool.Address(block) + index * info.Stride()});
    }
  }
}

void FailedObjects::Add(void* object) {
  const ObjectRef ref = heap_.Resolve(object);
  MutexLock lock(mutex_);
  heap_.pool.FailedBits().SetRange(ref.block, ref.index, ref.index + 1);
  heap_.pool.Info(ref.block).SetHasFailed();
  count_++;
  Mark(heap_, ref);
}

bool FailedObjects::IsFailed(const ObjectRef& ref) const {
  return heap_.pool.FailedBits().Test(ref.block, ref.index);
}

const std::vector<void*>& FailedObjects::TakeFailing() {
  MutexLock lock(mutex_);
  ForEach([this](const ObjectRef& ref) ELEGY_REQUIRES(mutex_) { failing_.push_back(ref.start); });
  return failing_;
}

void FailedObjects::SwapBitmaps() {
  MutexLock lock(mutex_);
  heap_.SwapBitmaps();
  if (count_ == failing_.size()) return;
  ForEach([this](const ObjectRef& ref) ELEGY_REQUIRES(mutex_) {
    if (!std::binary_search(failing_.begin(), failing_.end(), ref.start)) Mark(heap_, ref);
  });
}

// Its mark is clear, or, at the heap's end, the same bit.
void FailedObjects::Free(const ObjectRef& ref) {
  for (const ObjectBits bits : {heap_.pool.Bits(0), heap_.pool.Bits(1), heap_.pool.FailedBits()}) {
    bits.ClearRange(ref.block, ref.index, ref.index + 1);
  }
  count_--;
}

void FailedObjects::FreeFailing() {
  MutexLock lock(mutex_);
  for (const void* object : failing_) {
    const ObjectRef ref = heap_.Resolve(object);
    if (!heap_.MarkBits().Test(ref.block, ref.index)) Free(ref);
  }
  failing_.clear();
}

void FailedObjects::FreeAll() {
  MutexLock lock(mutex_);
  ForEach([this](const ObjectRef& ref) ELEGY_REQUIRES(mutex_) { Free(ref); });
}

void FailedObjects::AppendTo(std::vector<const void*>& objects) {
  MutexLock lock(mutex_);
  ForEach([&](const ObjectRef& ref) { objects.push_back(ref.start); });
}

}  // namespace elegy::internal
