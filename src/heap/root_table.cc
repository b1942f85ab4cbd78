#include "src/heap/root_table.h"

#include <new>
#include <utility>

#include "src/base/chaos.h"
#include "src/base/check.h"

namespace elegy::internal {

RootNode* RootTable::NewNode(void* target, bool strong) {
  MutexLock lock(mutex_);
  Nodes& nodes = strong ? strong_ : weak_;
  if (nodes.free == nullptr) {
    nodes.chunks.push_back(std::make_unique<RootNode[]>(kChunkNodes));
    for (std::size_t i = kChunkNodes; i > 0; i--) {
      RootNode& node = nodes.chunks.back()[i - 1];
      node.table = this;
      node.strong = strong;
      node.next_free = nodes.free;
      nodes.free = &node;
    }
  }
  RootNode* const node = nodes.free;
  nodes.free = node->next_free;
  node->cell.Set(target);
  used_++;
  return node;
}

void RootTable::FreeNode(RootNode* node, bool shade) {
  bool last;
  {
    MutexLock lock(mutex_);
    if (shade) ShadeLocked(node->cell.Target());
    node->cell.Set(nullptr);
    Nodes& nodes = node->strong ? strong_ : weak_;
    node->next_free = nodes.free;
    nodes.free = node;
    used_--;
    last = used_ == 0 && heap() == nullptr;
  }
  if (last) delete this;
}

void RootTable::StoreShading(RootNode& node, void* target) {
  MutexLock lock(mutex_);
  ShadeLocked(node.cell.Target());
  node.cell.Set(target);
}

void RootTable::ShadeLocked(void* target) {
  HeapCore* const owner = heap();
  if (owner == nullptr || target == nullptr) return;
  while (true) {
    const std::uint64_t word = owner->phase.Load();
    // Idle: the barrier is off, and stays so until the collector has passed through the lock.
    // WeakClosed: the target is marked, for a handle or a caller has held it all along.
    if (PhaseWord::PhaseOf(word) != Phase::kMarking) return;
    ELEGY_CHAOS_POINT("handle about to shade");
    if (owner->phase.CountResurrection(word)) break;
  }
  try {
    shaded_.push_back(target);
  } catch (const std::bad_alloc&) {
    FailForMemory();
  }
}

void RootTable::PassThrough() { MutexLock lock(mutex_); }

std::vector<void*> RootTable::TakeShaded() {
  MutexLock lock(mutex_);
  return std::exchange(shaded_, {});
}

void RootTable::Detach(RootTable* table) {
  bool last;
  {
    MutexLock lock(table->mutex_);
    table->heap_.store(nullptr, std::memory_order_release);  // pairs with heap()
    for (Nodes* nodes : {&table->strong_, &table->weak_}) {
      for (auto& chunk : nodes->chunks) {
        for (std::size_t i = 0; i < kChunkNodes; i++) chunk[i].cell.Set(nullptr);
      }
    }
    last = table->used_ == 0;
  }
  if (last) delete table;
}

}  // namespace elegy::internal
