// The one machine word behind Member, AtomicMember and array elements: an atomic pointer with the
// write barrier in front of every store.
//
// The barrier is a hybrid of Yuasa's and Dijkstra's. While its heap is marking, a store shades
// the pointer that it overwrites and, until this mutator's stack has been scanned, the pointer that
// it stores. No safepoint lies between a barrier and its store, so that an answered handshake
// means: every barrier seen off has been followed by its store.
//
// Orderings. A store is a release and a load an acquire: who reads an object from a slot sees it
// constructed. Initialising stores are plain: the object that contains the slot is not shared yet,
// and becomes so by a release store of a pointer to it.

#ifndef ELEGY_INTERNAL_SLOT_H_
#define ELEGY_INTERNAL_SLOT_H_

#include <atomic>
#include <type_traits>

#include "elegy/internal/mutator_core.h"

namespace elegy::internal {

// Out of line: the heap may be marking. `slot` may lie outside every heap (a local variable), which
// needs no barrier.
void WriteBarrier(const void* slot, const void* old_value, const void* new_value);

// Out of line: notes a slot that was constructed inside an object whose Trace is being checked.
void RecordSlot(const void* slot) noexcept;

struct UnrecordedSlot {};

template <class T>
class Slot {
 public:
  // A constant expression, so that Make can tell initialisers that do nothing.
  constexpr explicit Slot(T* value) : pointer_(value) {
    if (std::is_constant_evaluated()) return;
    if (SlotsAreRecorded()) [[unlikely]]
      RecordSlot(this);
  }
  // Of an object that is not checked for forgotten slots.
  Slot(UnrecordedSlot, T* value) : pointer_(value) {}
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  // Acquire: pairs with Store; the object is seen as constructed.
  T* Load() const { return pointer_.load(std::memory_order_acquire); }

  // Release: pairs with Load.
  void Store(T* value) {
    if (BarrierMayBeOn()) [[unlikely]]
      WriteBarrier(this, Peek(), value);
    pointer_.store(value, std::memory_order_release);
  }

  // The next two: sequentially consistent where the caller asked for it, else as Load and Store.
  T* LoadAs(std::memory_order order) const {
    return order == std::memory_order_seq_cst ? pointer_.load(order) : Load();
  }

  void StoreAs(T* value, std::memory_order order) {
    if (order != std::memory_order_seq_cst) return Store(value);
    if (BarrierMayBeOn()) [[unlikely]]
      WriteBarrier(this, Peek(), value);
    pointer_.store(value, order);
  }

  // With the barrier on, the pointer that will be overwritten has to be known before: hence a loop.
  T* Exchange(T* value, std::memory_order order) {
    if (!BarrierMayBeOn()) [[likely]]
      return pointer_.exchange(value, AtLeastAcqRel(order));
    T* old = Peek();
    while (!CompareExchange(old, value, order, std::memory_order_acquire)) {
    }
    return old;
  }

  // The pointer that a successful exchange overwrites is `expected`: shading it first is enough.
  // At least acquire-release: a failed exchange hands out a pointer, a successful one publishes.
  bool CompareExchange(T*& expected, T* desired, std::memory_order success,
                       std::memory_order failure) {
    if (BarrierMayBeOn()) [[unlikely]]
      WriteBarrier(this, expected, desired);
    return pointer_.compare_exchange_strong(expected, desired, AtLeastAcqRel(success),
                                            AtLeastAcquire(failure));
  }

 private:
  // Sequentially consistent where the caller asked for it; nothing weaker than acquire-release.
  static std::memory_order AtLeastAcqRel(std::memory_order order) {
    return order == std::memory_order_seq_cst ? order : std::memory_order_acq_rel;
  }

  static std::memory_order AtLeastAcquire(std::memory_order order) {
    return order == std::memory_order_seq_cst ? order : std::memory_order_acquire;
  }

  // Acquire, as Load: shading looks up what block and mark the value has.
  T* Peek() const { return pointer_.load(std::memory_order_acquire); }

  std::atomic<T*> pointer_;
};

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_SLOT_H_
