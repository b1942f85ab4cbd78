#include "src/heap/root_table.h"

#include <algorithm>
#include <new>
#include <utility>

#include "src/base/chaos.h"
#include "src/base/check.h"
#include "src/heap/heap_state.h"

namespace elegy::internal {

void RootTable::AddChunk(Nodes& nodes, bool strong) {
  auto fresh = std::make_unique<RootNode[]>(kChunkNodes);
  nodes.with_room.reserve(nodes.chunks.size() + 1);
  nodes.vacant.reserve(nodes.chunks.size() + 1);
  if (nodes.vacant.empty()) {
    nodes.chunks.emplace_back();
    nodes.vacant.push_back(static_cast<std::uint32_t>(nodes.chunks.size() - 1));
  }
  const std::uint32_t place = nodes.vacant.back();
  nodes.vacant.pop_back();
  nodes.with_room.push_back(place);
  nodes.empty++;
  Chunk& chunk = nodes.chunks[place];
  chunk.nodes = std::move(fresh);
  for (std::size_t i = kChunkNodes; i > 0; i--) {
    RootNode& node = chunk.nodes[i - 1];
    node.table = this;
    node.strong = strong;
    node.chunk = place;
    node.next_free = std::exchange(chunk.free, &node);
  }
}

RootNode* RootTable::NewNode(void* target, bool strong) {
  MutexLock lock(mutex_);
  Nodes& nodes = strong ? strong_ : weak_;
  if (nodes.with_room.empty()) AddChunk(nodes, strong);
  Chunk& chunk = nodes.chunks[nodes.with_room.back()];
  RootNode* const node = std::exchange(chunk.free, chunk.free->next_free);
  if (chunk.free == nullptr) nodes.with_room.pop_back();
  if (chunk.used++ == 0) nodes.empty--;
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
    Chunk& chunk = nodes.chunks[node->chunk];
    if (chunk.free == nullptr) nodes.with_room.push_back(node->chunk);
    node->next_free = std::exchange(chunk.free, node);
    if (--chunk.used == 0) nodes.empty++;
    used_--;
    last = used_ == 0 && heap() == nullptr;
  }
  if (last) delete this;
}

std::unique_ptr<RootNode[]> RootTable::TakeEmpty(bool strong, std::size_t& place) {
  constexpr std::size_t kLookedAt = 256;
  constexpr std::size_t kLeastKept = 4;
  MutexLock lock(mutex_);
  Nodes& nodes = strong ? strong_ : weak_;
  const std::size_t in_use = nodes.chunks.size() - nodes.vacant.size() - nodes.empty;
  if (nodes.empty <= std::max(kLeastKept, in_use / 4)) {
    place = 0;
    return nullptr;
  }
  place = std::min(place, nodes.with_room.size());
  const std::size_t stop = place - std::min(place, kLookedAt);
  while (place > stop) {
    place--;
    const std::uint32_t number = nodes.with_room[place];
    Chunk& chunk = nodes.chunks[number];
    if (chunk.used != 0) continue;
    nodes.with_room[place] = nodes.with_room.back();
    nodes.with_room.pop_back();
    nodes.vacant.push_back(number);
    nodes.empty--;
    chunk.free = nullptr;
    return std::move(chunk.nodes);
  }
  return nullptr;
}

void RootTable::Trim() {
  for (const bool strong : {true, false}) {
    for (std::size_t place = SIZE_MAX; place != 0;) TakeEmpty(strong, place);  // freed unlocked
  }
}

void RootTable::StoreShading(RootNode& node, void* target) {
  MutexLock lock(mutex_);
  ShadeLocked(node.cell.Target());
  node.cell.Set(target);
}

void RootTable::CopyShading(RootNode& node, const RootNode& source, void* target) {
  MutexLock lock(mutex_);
  ShadeLocked(node.cell.Target());
  node.cell.Set(source.cell.Target() == nullptr ? nullptr : target);
}

void RootTable::ShadeLocked(void* target) {
  HeapCore* const owner = heap();
  if (owner == nullptr || target == nullptr) return;
  // Idle: the barrier is off, and stays so until the collector has passed through the lock.
  // WeakClosed: the target is marked, for a handle or a caller has held it all along.
  if (PhaseWord::PhaseOf(owner->phase.Load()) != Phase::kMarking) return;
  // Marks only grow until the flip, and the bitmap is this cycle's as long as the lock is held.
  // Without this, handles that come and go between two rounds would cost one more each time.
  if (static_cast<const HeapState*>(owner)->IsMarked(target)) return;
  ELEGY_CHAOS_POINT("handle about to shade");
  if (!owner->phase.CountWhileMarking()) return;
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
      for (Chunk& chunk : nodes->chunks) {
        if (chunk.nodes == nullptr) continue;
        for (std::size_t i = 0; i < kChunkNodes; i++) chunk.nodes[i].cell.Set(nullptr);
      }
    }
    last = table->used_ == 0;
  }
  if (last) delete table;
}

}  // namespace elegy::internal
