// What the collector and the mutators of one heap share.

#ifndef ELEGY_SRC_HEAP_HEAP_STATE_H_
#define ELEGY_SRC_HEAP_HEAP_STATE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <new>
#include <unordered_map>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "elegy/heap.h"
#include "elegy/internal/kept_alive.h"
#include "elegy/internal/mutator_core.h"
#include "elegy/internal/mutex.h"
#include "src/concurrent/worklist.h"
#include "src/heap/accounting.h"
#include "src/heap/block_pool.h"
#include "src/heap/collection_request.h"
#include "src/heap/failed_objects.h"
#include "src/heap/held_blocks.h"
#include "src/heap/histogram.h"
#include "src/heap/object_ref.h"
#include "src/heap/root_table.h"
#include "src/heap/shape.h"
#include "src/heap/space.h"
#include "src/platform/platform.h"

namespace elegy::internal {

class MutatorImpl;
class RegistryCore;
class TableArrays;
class TracedTable;
class WeakCell;
struct MarkingState;

// The handshakes, by their bits in MutatorCore::control.
enum class Handshake : std::uint32_t {
  kNone = 0,
  kBarrierOn = 1,
  kScanStack = 2,
  kRound = 3,
  kQuiesce = 4,
  kHold = 5,  // stand still until released: for the verifier and for snapshots
};

// Those registered and delivered: only of registries that have died (RegistryCore::registered).
struct RecordCounters {
  Counter registered, queued, delivered, cancelled, dropped;
};

struct HeapState : HeapCore {
  // Complete options: no zero stands for a default any more.
  HeapState(const HeapOptions& complete_options, std::size_t reserve_bytes)
      : options(complete_options), pool(reserve_bytes), failed(*this), roots(new RootTable(*this)) {
    base = pool.Base();
    idle.Store(IdleNumber::New());
    reserved_bytes = pool.ReservedBytes();
  }
  HeapState(const HeapState&) = delete;
  HeapState& operator=(const HeapState&) = delete;
  ~HeapState() { RootTable::Detach(roots); }

  // The object that a pointer names; `address` must lie in a used block.
  ObjectRef Resolve(const void* address) const { return ObjectRef::Of(pool, address); }
  BlockInfo InfoOf(const void* address) const { return pool.Info(pool.BlockOf(address)); }
  bool IsMarked(const void* object) const {
    const ObjectRef ref = Resolve(object);
    return MarkBits().Test(ref.block, ref.index);
  }
  // While this cycle's marks are valid: whether the cell is allocated. For the verifier.
  bool IsAllocated(const ObjectRef& ref) const {
    return pool.Bits(1 - MarkWhich()).Test(ref.block, ref.index);
  }

  // Native memory kept by objects; may ask for a cycle.
  void AdjustExternal(std::int64_t delta) {
    accounting.AdjustExternal(delta);
    if (delta > 0) accounting.external_told.Add(static_cast<std::uint64_t>(delta));
    Spend(delta);
  }
  // `delta`, below zero, is given back by a dead object's callback, and taken to be what that
  // object kept: the last plan has counted it as alive, and allowed the heap to grow accordingly.
  void CloseInCallback(std::int64_t delta) {
    accounting.AdjustExternal(delta);
    constexpr double kMost = 1e18;
    const double room = static_cast<double>(delta) * (1 - options.growth_factor);
    Spend(accounting.TakeExternalRoom(static_cast<std::int64_t>(std::min(room, kMost))));
  }
  void Spend(std::int64_t bytes) {
    if (accounting.Spend(bytes) <= 0) request.AskIfIdle();
  }
  // Memory of weak tables and records: dead ones go with a cycle only, so that it asks for one when
  // they have grown. Throws std::bad_alloc if there is no room.
  void TakeNative(std::size_t bytes) {
    if (!accounting.TryTakeNative(bytes, options.max_heap_bytes)) throw std::bad_alloc();
    if (accounting.IsNativeBeyondGoal()) request.AskIfIdle();
  }

  // Which of the two bitmaps holds this cycle's marks. Written by the collector before the phase
  // becomes Marking. Relaxed: read by mutators only after they have seen that phase, or in answers
  // to handshakes of the cycle.
  std::uint32_t MarkWhich() const { return mark_which.load(std::memory_order_relaxed); }
  void SwapBitmaps() { mark_which.store(1 - MarkWhich(), std::memory_order_relaxed); }  // as above
  ObjectBits MarkBits() const { return pool.Bits(MarkWhich()); }

  const HeapOptions options;
  const Shape* const shapes = g_shapes;  // of the copy of elegy that made the heap
  BlockPool pool;
  SpaceTable spaces;
  std::atomic<std::uint32_t> mark_which{0};

  Mutex large_mutex;
  std::vector<std::uint32_t> large_heads ELEGY_GUARDED_BY(large_mutex);
  HeldSpans held_spans ELEGY_GUARDED_BY(large_mutex);

  Worklist worklist;
  MarkingState* marking = nullptr;  // the collector's; set before there are mutators
  Accounting accounting;
  CollectionRequest request;
  bool logs = false;  // ELEGY_LOG=gc; set before there are mutators

  // Mutators and handshakes (src/mutator/handshake.h).
  Mutex mutators_mutex;
  // Not Abseil's map: mutators insert, and that one does not survive a failed allocation.
  std::unordered_map<std::uint64_t, MutatorImpl*> mutators ELEGY_GUARDED_BY(mutators_mutex);
  // How many there are, counted before they read anything. Acquire-release: see
  // src/weak/table_arrays.h.
  std::atomic<std::uint32_t> attached{0};
  platform::CoreSet cores ELEGY_GUARDED_BY(mutators_mutex);  // of all that have ever attached
  Handshake newest ELEGY_GUARDED_BY(mutators_mutex) = Handshake::kNone;
  std::uint32_t cycle ELEGY_GUARDED_BY(mutators_mutex) = 0;
  std::atomic<std::uint32_t> outstanding{0};
  std::atomic<std::uint32_t> held{0};
  std::atomic<bool> round_dirty{false};

  // Whether every mutator has been scanned in this cycle. To be asked after the phase has been read
  // as Marking. Acquire: pairs with SetAllScanned; the marks of the scans are seen.
  bool AllScanned() const { return all_scanned.load(std::memory_order_acquire); }
  void SetAllScanned(bool value) {
    all_scanned.store(value, std::memory_order_release);  // as said
  }
  std::atomic<bool> all_scanned{false};

  Mutex candidates_mutex;
  std::vector<std::vector<void*>> candidates ELEGY_GUARDED_BY(candidates_mutex);
  // What mutators' kept-alive lists held at their answers to handshake 2.
  std::vector<KeptTargets> kept ELEGY_GUARDED_BY(candidates_mutex);

  // Blocks of the last cycle that are still to be swept; the collector sleeps until it is zero.
  std::atomic<std::uint32_t> unswept{0};
  // Of the sweep that runs, or of the last.
  Counter swept_live_bytes, swept_reusable_bytes;
  // What the last cycle found alive of what had been allocated before it began: the rest it has not
  // judged, for that was born black.
  Counter old_live_bytes;

  // Registries. The first list holds all of them; the second those with records for any mutator.
  Mutex registries_mutex;
  std::vector<std::shared_ptr<RegistryCore>> registries ELEGY_GUARDED_BY(registries_mutex);
  bool shut_down ELEGY_GUARDED_BY(registries_mutex) = false;
  Mutex ready_mutex;
  Counter shutdowns;  // calls of Shutdown under way
  std::list<std::shared_ptr<RegistryCore>> ready_any ELEGY_GUARDED_BY(ready_mutex);
  RecordCounters records;

  // Objects whose constructors have thrown.
  FailedObjects failed;

  // The objects that die at the next flip whatever refers to them: those that Shutdown(kDeliverAll)
  // declares dead, and those whose constructors have thrown. Set before that cycle's first
  // handshake, constant until its last has been answered. Null at all other times.
  std::atomic<const absl::flat_hash_set<const void*>*> condemned{nullptr};
  // Acquire: pairs with the release in Condemn; the set is read as it was completed.
  const absl::flat_hash_set<const void*>* Condemned() const {
    return condemned.load(std::memory_order_acquire);
  }

  // Arrays that weak tables have left (src/weak/table_arrays.h).
  Mutex retired_mutex;
  TableArrays* retired ELEGY_GUARDED_BY(retired_mutex) = nullptr;

  // Weak cells and tables that clearing has to visit although the marker has not met them.
  Mutex noted_mutex;
  std::vector<WeakCell*> noted_cells ELEGY_GUARDED_BY(noted_mutex);
  std::vector<TracedTable*> noted_tables ELEGY_GUARDED_BY(noted_mutex);

  // Figures.
  std::array<Histogram, 4> handshake_delays;
  std::array<AtomicMax, 4> handshake_latency_max;
  std::atomic<std::uint32_t> crowd{0};  // running mutators for each core, if they are more
  AtomicMax stall_max;
  AtomicMax cycle_delay_max;
  Counter cells_cleared;

  // Last: where another member finds no memory, there is no table yet that would have to be freed.
  RootTable* const roots;
};

// The heap whose objects the calling thread marks or destroys: as a thread of its collector, or as
// a mutator that helps it to mark.
inline constinit thread_local const HeapState* t_collecting = nullptr;
// The heap of the object whose destructor the calling thread runs.
inline constinit thread_local const HeapState* t_destroying = nullptr;

inline HeapState& StateOf(MutatorCore& mutator) { return static_cast<HeapState&>(*mutator.heap); }

}  // namespace elegy::internal

#endif  // ELEGY_SRC_HEAP_HEAP_STATE_H_
