// The nodes behind Persistent and WeakPersistent.
//
// Strong nodes are roots: the marker reads them after handshake 2, while mutators run, so changing
// one is a slot's store. An attached mutator of the heap does it behind its write barrier. Any
// other thread answers no handshake; it does barrier and store together under this table's lock,
// shades into `shaded_` instead of a buffer, and counts a resurrection in the phase word first, so
// that it wins or loses against the flip; what is marked needs neither, for marks only grow until
// the flip. The collector passes through the lock once after turning the barrier on (what handshake
// 1 is for mutators), and takes `shaded_` in every round after it has read the number of
// resurrections.
//
// A store shades what the handle held, and not what it holds from then on: all handles are read
// after the last mutator's scan. What was stored before is in its handle still then, or was shaded
// by who overwrote it; what is stored later is marked, or will be.
//
// Weak nodes are weak cells; clearing visits them all, under the lock. While a cycle runs that
// condemns something (Heap::Shutdown), and on threads that answer no handshake, weak nodes are
// written under the lock, too, and the phase is read there: if it is not WeakClosed yet, clearing
// is still to come to this node; if it is, what is condemned is not written. The collector passes
// through the lock once after the phase is Idle again, before it forgets what it has condemned.
//
// A chunk whose nodes have all been given back is passed over by the collector, and freed when a
// cycle has ended, but for as many as a fourth of those in use: no walk over them is under way
// then.
//
// The table is shared between its heap and its nodes: the last of them deletes it. Detach nulls all
// nodes at the heap's end.

#ifndef ELEGY_SRC_HEAP_ROOT_TABLE_H_
#define ELEGY_SRC_HEAP_ROOT_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "elegy/internal/mutator_core.h"
#include "elegy/internal/mutex.h"
#include "elegy/persistent.h"

namespace elegy::internal {

class RootTable {
 public:
  static constexpr std::size_t kChunkNodes = 256;

  explicit RootTable(HeapCore& owner) : heap_(&owner) {}
  RootTable(const RootTable&) = delete;
  RootTable& operator=(const RootTable&) = delete;

  // A node of this table that holds `target`. Throws std::bad_alloc.
  RootNode* NewNode(void* target, bool strong);
  // Frees a node. `shade`: the caller answers no handshakes, and the node is strong.
  void FreeNode(RootNode* node, bool shade);
  // A strong node's store by a thread that answers no handshakes.
  void StoreShading(RootNode& node, void* target);
  // The same, of the target of another strong node; or null, once Detach has nulled that one.
  void CopyShading(RootNode& node, const RootNode& source, void* target);
  // Gives a weak node a target, or null if is_dead(), which is asked under the lock.
  template <class F>
  void StoreUnlessDead(RootNode& node, void* target, F&& is_dead) {
    MutexLock lock(mutex_);
    node.cell.Set(is_dead() ? nullptr : target);
  }
  // The heap of a live table, or null after its end. Acquire: pairs with Detach.
  HeapCore* heap() const { return heap_.load(std::memory_order_acquire); }

  // For the collector.
  void PassThrough();
  std::vector<void*> TakeShaded();
  // Calls f(cell) for every node, strong or weak, a chunk at a time under the lock.
  template <class F>
  void ForEach(bool strong, F&& f) {
    for (std::size_t i = 0;; i++) {
      MutexLock lock(mutex_);
      const Nodes& nodes = strong ? strong_ : weak_;
      if (i >= nodes.chunks.size()) return;
      if (nodes.chunks[i].used == 0) continue;
      for (std::size_t k = 0; k < kChunkNodes; k++) f(nodes.chunks[i].nodes[k].cell);
    }
  }
  // Frees most of the chunks without a node in use; between cycles.
  void Trim();

  // The heap's end: all nodes read null. Deletes the table once its last node has gone.
  static void Detach(RootTable* table);

 private:
  struct Chunk {
    std::unique_ptr<RootNode[]> nodes;  // null: it has been freed
    RootNode* free = nullptr;
    std::uint32_t used = 0;
  };
  struct Nodes {
    std::vector<Chunk> chunks;  // a node knows its place in here
    // Places of chunks with a free node, and of freed ones: each has room for all.
    std::vector<std::uint32_t> with_room;
    std::vector<std::uint32_t> vacant;
    std::size_t empty = 0;  // chunks none of whose nodes is in use
  };

  void AddChunk(Nodes& nodes, bool strong) ELEGY_REQUIRES(mutex_);
  // The memory of an empty chunk, if there are too many: looks at some of with_room below `place`.
  std::unique_ptr<RootNode[]> TakeEmpty(bool strong, std::size_t& place);

  ~RootTable() = default;
  void ShadeLocked(void* target) ELEGY_REQUIRES(mutex_);

  Mutex mutex_;
  std::atomic<HeapCore*> heap_;
  Nodes strong_ ELEGY_GUARDED_BY(mutex_);
  Nodes weak_ ELEGY_GUARDED_BY(mutex_);
  std::size_t used_ ELEGY_GUARDED_BY(mutex_) = 0;
  std::vector<void*> shaded_ ELEGY_GUARDED_BY(mutex_);
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_HEAP_ROOT_TABLE_H_
