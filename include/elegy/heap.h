// A heap: one isolated set of managed objects, with its collector threads.

#ifndef ELEGY_HEAP_H_
#define ELEGY_HEAP_H_

#include <chrono>
#include <cstddef>
#include <iosfwd>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "elegy/heap_stats.h"

namespace elegy {

namespace internal {
class HeapImpl;
}  // namespace internal

struct HeapOptions {
  // What objects, weak tables and records may take in all, in bytes. 0: three quarters of what the
  // machine has, or the control groups around the process allow, if that is less.
  std::size_t max_heap_bytes = 0;
  // The first collection starts about here. Later ones of a heap that is not close to its limit
  // start by themselves after half as much again has been allocated at least.
  std::size_t initial_heap_bytes = 16 << 20;
  // The next cycle of a larger heap is paced to finish before live bytes * growth_factor, objects
  // and the native memory that they keep counted together. Weak tables and records have a room of
  // their own, which the factor gives, too. Above 1.
  double growth_factor = 2.0;
  // 0: a quarter of the cores that the thread which makes the heap may use (by its affinity, and by
  // the processor time that its control groups allow), at least one.
  int marker_threads = 0;
  // False: only handles are roots; a raw pointer must not live across a safepoint, and every Make
  // is one.
  bool conservative_stacks = true;
  // Check the invariants in every cycle, with all mutators held meanwhile. Slow; for tests. A
  // mutator that waits for another one must do so inside a BlockingRegion: the other may be held.
  bool verify = false;
  // A thread that has kept the collector waiting for so long, because it reaches no safepoint, is
  // named on standard error; other threads go on meanwhile. Above zero.
  std::chrono::milliseconds handshake_warning = std::chrono::seconds(10);
};

enum class StackState { kMayHoldPointers, kNoPointers };

// What becomes of registrations when a heap is shut down.
enum class ShutdownPolicy {
  kDrop,           // run nothing
  kDeliverQueued,  // run what is queued, drop the rest
  kDeliverAll,     // run every live registration too, as if its target had died
};

// Thread-safety: all methods are callable from any thread, attached or not, unless they say more.
class Heap {
 public:
  // Reserves address space and starts the collector's threads. Throws std::bad_alloc or
  // std::system_error if it cannot; std::invalid_argument for options that make no sense.
  explicit Heap(HeapOptions options = {});
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;
  // Runs the destructors of all objects left, and no callbacks. Fatal, with a message, while a
  // mutator is attached. Handles to its objects read null from now on.
  ~Heap();

  // Runs a full cycle begun after the call. When it returns, what was unreachable is gone: weak
  // cells read cleared, records are queued, destructors have run. Runs no callback and keeps the
  // kept-alive lists. With kNoPointers the calling mutator's stack is not scanned. Fatal, with a
  // message, in a destructor, a Trace, an observer or an on_ready of this heap, which would wait
  // for itself, as WriteSnapshot, PrepareFork and the heap's end are. No lock that a destructor, an
  // observer or an on_ready takes may be held.
  void Collect(StackState caller = StackState::kMayHoldPointers);

  // Asks for a cycle and returns at once.
  void RequestCollection();

  // Native memory that managed objects keep: counts towards the next cycle. A mutator that tells of
  // much more than the collector can follow waits for it at its next safepoint, for up to 0.2 s. A
  // sum below zero counts as none, until later calls have made up for it.
  //
  // What a registry's callback closes belongs into RegisterOptions::external_bytes rather than into
  // a negative call in the callback: then the heap knows whose it is, and plans no room for what
  // the dead still have open.
  void AdjustExternalBytes(std::ptrdiff_t delta);

  // Thread-safe; O(registries), of whose list it takes the lock.
  HeapStats Stats() const;

  // Collects, then writes the graph of live objects as a Chrome DevTools .heapsnapshot (JSON).
  // Mutators are held while the heap is walked; one that waits for another must do so inside a
  // BlockingRegion. Errors: Internal if the stream fails, ResourceExhausted if there is no memory
  // for the list of objects. The caller must be an attached mutator or no mutator of this heap at
  // all.
  absl::Status WriteSnapshot(std::ostream& out);

  // Replaces the observer; null removes it. It runs on a collector thread and must not touch
  // managed objects, nor call SetObserver, nor wait for this heap's collector, nor take a lock that
  // any thread holds while it calls Make, Register, a map's Set or Collect: these may wait for the
  // cycle that it runs in. An exception ends the program.
  void SetObserver(absl::AnyInvocable<void(const HeapEvent&)> observer);

  // Ends all finalization: runs callbacks on the calling thread, which must be an attached
  // mutator, outside its BlockingRegions (fatal otherwise), as the policy says, and drops the
  // rest, also what becomes queued while it runs them. Afterwards Register fails with
  // FailedPrecondition and no callback ever runs. Returns the callbacks that it has run. Other
  // threads' safepoints begin none meanwhile, unless those threads are in a Shutdown, too; but
  // one that was begun before, or by CleanupSome or RunNow, may still be running when Shutdown
  // returns. A callback that waits for another thread's may wait for ever. A callback's exception
  // leaves Shutdown; another call goes on. What another thread is registering meanwhile may count
  // as dropped (HeapStats::records_dropped) only once two cycles have passed.
  //
  // With kDeliverAll the registered targets count as dead from one moment on, whoever holds them:
  // as weak targets, keys and tokens they are gone from then on. What is made weak of them until
  // its cycle has cleared all others is empty, too.
  std::size_t Shutdown(ShutdownPolicy policy);

  // Before fork(): ends the collector's threads, which the child would not have, once a running
  // cycle is over. FailedPrecondition, and nothing has changed, unless every mutator but the
  // caller's is inside a BlockingRegion, where it is held until AfterFork, and no thread waits for
  // a collection, nor in WeakCache::GetOrMake. Until AfterFork no thread may use this heap or
  // handles to its objects; a child without it may only exec or _exit. All heaps of the process
  // have to be prepared: they share some locks. Throws std::system_error and std::bad_alloc if it
  // refuses and then cannot start the threads that it has ended: no collection comes before another
  // call can.
  absl::Status PrepareFork();

  // After fork(), by the same thread, in the parent and in the child: starts the collector's
  // threads again. In the child the other mutators are gone with their threads: what they alone
  // kept on their stacks dies, objects that they were constructing are no objects, callbacks that
  // they were running are not run again. Throws std::system_error and std::bad_alloc if threads
  // cannot start; may then be called once more. Fatal, with a message, without PrepareFork.
  void AfterFork();

 private:
  friend class Mutator;
  friend class internal::HeapImpl;

  std::unique_ptr<internal::HeapImpl> impl_;
};

}  // namespace elegy

#endif  // ELEGY_HEAP_H_
