// A mutator's state beyond what the fast paths see.
//
// All of it belongs to the mutator's thread; while that thread is inside a BlockingRegion and the
// collector answers a handshake in its place, to the collector (src/mutator/handshake.h says how
// the two take turns). `ready` is shared, under the heap's ready_mutex.

#ifndef ELEGY_SRC_MUTATOR_MUTATOR_IMPL_H_
#define ELEGY_SRC_MUTATOR_MUTATOR_IMPL_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "elegy/heap.h"
#include "elegy/internal/mutator_core.h"
#include "src/concurrent/worklist.h"
#include "src/heap/heap_state.h"
#include "src/mutator/constructing_cells.h"
#include "src/platform/platform.h"

namespace elegy::internal {

// The block that a mutator claims runs of, for one space, and those it will claim runs of next.
struct OwnedBlock {
  Space* space = nullptr;
  std::size_t block = BlockPool::kNoBlock;
  std::size_t next_word = 0;  // of its bits: what is before it has been claimed or passed over
  std::uint64_t claimed = 0;  // cells of the last word claimed that are in no run yet
  std::vector<std::uint32_t> spares;
};

// Where a thread's stack is scanned: from `begin`, below all that is in use, to `base`. A thread
// that is blocked has left copies of what its newest frames held when it entered.
struct StackExtent {
  // More than a thread's frames between entering the blocked state and its caller take, with those
  // of who has made a BlockingRegion: so that entering it needs no memory.
  static constexpr std::size_t kMostLostWords = 1024;

  const void* lowest = nullptr;  // that it may come to
  const void* base = nullptr;
  const void* begin = nullptr;  // of a blocked thread's
  void* fake = nullptr;         // AddressSanitizer's frames outside the stack, if it has any
  platform::Registers registers;
  std::unique_ptr<std::uintptr_t[]> lost_words;  // room for kMostLostWords
  std::size_t lost_count = 0;
};

struct Record;

class MutatorImpl;

// Fatal, with a message, on another thread than the mutator's.
void CheckThread(const MutatorImpl& mutator);
// And where its thread is inside a BlockingRegion: the collector may be acting in its place.
void CheckUse(const MutatorImpl& mutator);

// A registry's run of callbacks, and the record whose callback runs; null between two.
struct Delivery {
  RegistryCore* core;
  Record* record;
  bool is_of_dead;  // its target has been found dead, whoever runs it
};

class MutatorImpl : public MutatorCore {
 public:
  // Attaches the calling thread; Detach undoes it, on the same thread. Throws std::bad_alloc.
  explicit MutatorImpl(HeapState& state);
  MutatorImpl(const MutatorImpl&) = delete;
  MutatorImpl& operator=(const MutatorImpl&) = delete;
  void Detach();
  // Whether Detach may be preceded by a wait.
  bool MayWait() const;
  // The same for a mutator whose thread has ceased to be: in a forked child, while nothing
  // collects. Before the fork, while the mutator is kept blocked, NoteUnfinished.
  void Vanish();
  void NoteUnfinished();

  void HandOverReady() ELEGY_REQUIRES(state.mutators_mutex);

  ObjectBits AllocatedBits() const { return state.pool.Bits(allocated_which); }

  // Shades an object: pushes it to the barrier buffer unless it is marked.
  void Shade(const void* object);
  void Push(void* entry);
  void PublishBuffer();

  // Makes this mutator's next safepoint look for records to deliver.
  void SetReadyBit();

  HeapState& state;
  const std::uint64_t id;
  std::uint32_t thread_id = platform::ThreadId();

  // Allocation (src/mutator/allocation.h).
  std::vector<AllocationRun> run_table;
  std::vector<OwnedBlock> owned;
  std::uint32_t epoch = 0;
  std::uint32_t allocated_which = 0;
  bool black = false;
  std::ptrdiff_t uncounted_bytes = 0;  // negative: counted, then given back
  // How many objects it owes to mark for the cells that it has claimed; what it has taken since it
  // found nothing to help with.
  std::size_t assist_debt = 0;
  std::size_t taken_unassisted = 0;

  // Native memory (src/mutator/external_debt.h).
  std::size_t told_too_much = 0;  // bytes since it last waited or owed to
  bool owes_wait = false;

  // Marking.
  void SetScanned(bool value) {
    scanned = value;
    value ? turn.ForbidInline() : turn.AllowInline();
  }
  bool scanned = false;
  bool dirty = false;  // has shaded or marked since its last answer to a round
  std::unique_ptr<Segment> buffer;

  ConstructingCells constructing_cells;

  // What it was constructing when a fork was prepared. The list of that is in its frames, which in
  // a forked child may be another thread's by now.
  std::vector<void*> unfinished;

  // What held values refer to whose callbacks run, or that are being moved into registrations;
  // innermost last.
  std::vector<void*> callback_roots;
  // The runs of callbacks under way on this thread, one inside the other. Not in their frames, as
  // above.
  std::vector<Delivery> deliveries;

  // The stack.
  StackExtent stack;
  StackState stack_state = StackState::kMayHoldPointers;
  int blocking_depth = 0;
  // Blocked, or about to be, by the program and not within one of its calls of the library. Changed
  // only while it is not blocked.
  bool in_region = false;

  // Registries whose home this is, with records queued. Guarded by state.ready_mutex.
  std::list<std::shared_ptr<RegistryCore>> ready;
  // By turns with those that have no home.
  bool any_ready_next = false;
  // Calls of Heap::Shutdown that this thread is in.
  std::uint64_t shutdowns = 0;
  // Whether it runs no callback at its safepoints, for another thread is in Shutdown. Who has
  // answered a handshake since that began knows of it.
  bool LeavesCallbacksToShutdown() const { return shutdowns == 0 && state.shutdowns.Get() != 0; }
};

// The attached thread's mutator; fatal, with a message, if there is none.
inline MutatorImpl& CurrentImpl() { return static_cast<MutatorImpl&>(CurrentMutator()); }
// The same, or null.
inline MutatorImpl* CurrentImplOrNull() { return static_cast<MutatorImpl*>(t_mutator); }

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MUTATOR_MUTATOR_IMPL_H_
