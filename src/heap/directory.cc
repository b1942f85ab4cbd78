#include "src/heap/directory.h"

#include <vector>

namespace elegy::internal {

namespace {

Mutex g_mutex;
std::atomic<std::size_t> g_count{0};

// Relaxed: only spares a look-up that would find nothing.
void SetCount(std::size_t count) { g_count.store(count, std::memory_order_relaxed); }

// Never destroyed: handles may be released after static destruction has begun.
std::vector<HeapState*>& Heaps() ELEGY_REQUIRES(g_mutex) {
  static auto* const heaps = new std::vector<HeapState*>;
  return *heaps;
}

}  // namespace

void EnterInDirectory(HeapState& state) {
  MutexLock lock(g_mutex);
  Heaps().push_back(&state);
  SetCount(Heaps().size());
}

void RemoveFromDirectory(HeapState& state) {
  MutexLock lock(g_mutex);
  std::erase(Heaps(), &state);
  SetCount(Heaps().size());
}

HeapState* FindHeap(const void* address) {
  MutexLock lock(g_mutex);
  for (HeapState* heap : Heaps()) {
    if (heap->Contains(address)) return heap;
  }
  return nullptr;
}

std::size_t HeapCount() { return g_count.load(std::memory_order_relaxed); }  // as SetCount

}  // namespace elegy::internal
