// A thread attached to a heap, and what it does there.

#ifndef ELEGY_MUTATOR_H_
#define ELEGY_MUTATOR_H_

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

#include "elegy/heap.h"
#include "elegy/internal/allocate.h"
#include "elegy/internal/mutator_core.h"

namespace elegy {

template <class T>
class Array;

namespace internal {
class MutatorImpl;
template <class T>
Array<T>* MakeArrayIn(MutatorCore& mutator, std::size_t length);
}  // namespace internal

// Attaches the calling thread to a heap for its lifetime. A thread is attached to one heap at a
// time (a second Mutator on a thread is fatal, with a message) and must be destroyed on the same
// thread, outside callbacks. All methods are for that thread alone. A thread of the heap's
// collector, in a destructor or an observer, cannot be attached to it (fatal, with a message).
//
// What its stack holds is kept by that; a raw pointer that goes from one thread to another by other
// memory than a slot or a Persistent is kept by nothing on its way.
//
// Where more mutators run than there are cores for them, a call that answers the collector (also
// one that allocates, or that ends a BlockingRegion) before others have done so lets them have its
// core: it sleeps for 50 us times the mutators for each core, at most 2 ms, once in each of a
// cycle's five or more handshakes.
class Mutator {
 public:
  // O(1); may wait for a short lock. Throws std::bad_alloc.
  explicit Mutator(Heap& heap);
  Mutator(const Mutator&) = delete;
  Mutator& operator=(const Mutator&) = delete;
  // Answers what is outstanding and lets go of the kept-alive targets. Runs no callbacks: records
  // of the registries made here are delivered by any mutator from now on. May wait for a cycle, for
  // 0.2 s at most, as a safepoint may, for native memory that this thread has told of.
  ~Mutator();

  // This thread's mutator. Fatal, with a message, on a thread that is not attached.
  static Mutator& Current();

  // A new managed object: aggregates are initialised with braces, other types with parentheses.
  // Answers handshakes, never runs a callback. Throws std::bad_alloc past max_heap_bytes, once a
  // full cycle has failed to make room, at once for what is larger than that. It waits for the
  // cycle, which runs destructors, on_ready and observers: the caller may hold no lock that one of
  // these takes. A constructor's exception leaves nothing behind. A constructor may hand out
  // `this`, also to other threads. Before it throws it has to take all strong references back: what
  // they name then is no object, though nothing else gets its memory while they do. Weak views of
  // it read cleared after the next cycle. What is once a slot or weak cell of the object stays one
  // while the constructor runs.
  //
  // On a stack a pointer into the object keeps it; one past its end does not, but for an Array's.
  //
  // Its destructor runs once, some time after its death, when all weak views of it read cleared: on
  // a collector thread, or where the heap is destroyed. It must not touch managed objects, which
  // may be gone already, nor make any, nor register, nor wait for this heap's collector (fatal,
  // with a message), and it must not throw. What needs more belongs into a FinalizationRegistry's
  // callback.
  template <class T, class... A>
  T* Make(A&&... args) {
    return internal::MakeIn<T>(Checked(), std::forward<A>(args)...);
  }

  // A new array of value-initialised elements: slots, or a type without slots. Throws
  // std::bad_alloc as Make does, and if the length overflows.
  template <class T>
  Array<T>* MakeArray(std::size_t length) {
    return internal::MakeArrayIn<T>(Checked(), length);
  }

  // Answers handshakes, then runs what is queued for this mutator. A callback's exception leaves
  // it; that record is spent, the rest stay queued. Costs one load if there is nothing to do.
  void Safepoint() {
    if (core_->HasRequest()) [[unlikely]]
      SafepointSlowly();
  }

  // Answers handshakes, then runs at most that many queued callbacks; returns how many ran. The
  // registries take turns from call to call. A safepoint in all else: it waits for what
  // Heap::AdjustExternalBytes has let through, too.
  std::size_t DrainFinalization(std::size_t max_callbacks = SIZE_MAX);

  // Ends the turn: lets go of the kept-alive targets, then a Safepoint. With kNoPointers this
  // thread's stack is taken to hold no managed pointer during the call.
  void EndTurn(StackState stack = StackState::kMayHoldPointers);

 private:
  friend class Heap;
  friend class BlockingRegion;
  friend class TurnScope;

  // Where two threads used one mutator, both would get the same memory.
  internal::MutatorCore& Checked() {
    if (internal::t_mutator != core_) [[unlikely]]
      internal::FailWrongThread();
    return *core_;
  }
  void SafepointSlowly();
  // EndTurn without running callbacks.
  void EndTurnQuietly();

  std::unique_ptr<internal::MutatorImpl> impl_;
  internal::MutatorCore* core_;
};

// Make on Mutator::Current().
template <class T, class... A>
T* Make(A&&... args) {
  return internal::MakeIn<T>(internal::CurrentMutator(), std::forward<A>(args)...);
}

// The object is reachable at least until here.
inline void KeepAlive(const void* object) { asm volatile("" : : "g"(object) : "memory"); }

// Ends the mutator's turn at the end of the scope. While an exception is in flight it runs no
// callback; otherwise a callback's exception leaves the destructor. Turns do not nest.
class TurnScope {
 public:
  explicit TurnScope(Mutator& mutator)
      : mutator_(mutator), exceptions_(std::uncaught_exceptions()) {}
  TurnScope(const TurnScope&) = delete;
  TurnScope& operator=(const TurnScope&) = delete;
  ~TurnScope() noexcept(false);

 private:
  Mutator& mutator_;
  int exceptions_;
};

// Around a system call, a lock, a wait: the collector answers handshakes in this thread's place and
// does not wait for it. No managed object may be touched inside. Regions nest. Entering and leaving
// cost one atomic exchange each, entering also a copy of 512 bytes of the stack: so a region may be
// a member of a scope of the program's own, or be made by a function, whose frames take no more
// than that. Leaving waits while the collector is scanning this very stack. Fatal, with a message:
// on another thread than the mutator's; and safepoints and (where it is noticed) Make inside.
class BlockingRegion {
 public:
  explicit BlockingRegion(Mutator& mutator);
  BlockingRegion(const BlockingRegion&) = delete;
  BlockingRegion& operator=(const BlockingRegion&) = delete;
  ~BlockingRegion();

 private:
  internal::MutatorImpl& mutator_;
};

}  // namespace elegy

#endif  // ELEGY_MUTATOR_H_
