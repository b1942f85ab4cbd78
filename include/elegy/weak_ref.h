// Weak references inside the heap.

#ifndef ELEGY_WEAK_REF_H_
#define ELEGY_WEAK_REF_H_

#include <concepts>
#include <cstddef>

#include "elegy/internal/weak_cell.h"
#include "elegy/visitor.h"

namespace elegy {

// JavaScript's WeakRef (ECMA-262, 26.1): a managed object, made by Make<WeakRef<T>>(target), that
// holds its target weakly and is never given another one.
//
// Making one and reading a target from it keep the target alive to the end of this mutator's turn,
// so that all reads of one turn agree. Once any thread has read null, every thread reads null,
// from this and from every other weak view of the target.
//
// Thread-safety: all methods are safe from every mutator of the heap. Complexity: O(1); a first
// Deref of a turn appends to the mutator's kept-alive list, later ones compare a stamp.
template <class T>
class WeakRef {
 public:
  // Of null: born cleared. A target of another heap is fatal, with a message, and so is a WeakRef
  // outside the heap, which no cycle would clear. Throws std::bad_alloc, as Deref does, if the
  // kept-alive list cannot grow.
  explicit WeakRef(T* target) {
    if (target == nullptr) return;
    internal::CheckManagedWeakRef(internal::CurrentMutator(), this);
    internal::WriteWeakCell(cell_, internal::AddressOf(target));
    stamp_.Keep(internal::CurrentMutator(), internal::AddressOf(target));
  }
  WeakRef(const WeakRef&) = delete;
  WeakRef& operator=(const WeakRef&) = delete;

  // The target, kept alive until this mutator's turn ends, or null once it has died.
  T* Deref() const {
    internal::MutatorCore& mutator = internal::CurrentMutator();
    void* const target = cell_.Target();
    if (target == nullptr || stamp_.KeepInline(mutator, target)) return static_cast<T*>(target);
    return static_cast<T*>(internal::DerefSlowly(mutator, cell_, stamp_));
  }

  // Whether Deref would return null. Keeps nothing alive.
  bool IsCleared() const { return cell_.IsCleared(internal::CurrentMutator()); }

  // Whether Deref would return `object`. Keeps nothing alive; null is what a cleared one refers to.
  bool RefersTo(const T* object) const { return cell_.Peek(internal::CurrentMutator()) == object; }

  void Trace(Visitor& visitor) const { internal::VisitorAccess::Weak(visitor, cell_); }

 private:
  internal::WeakCell cell_;
  mutable internal::TurnStamp stamp_;
};

// A weak cell as a field of a managed object, or as an element of an Array or Vector. Its target is
// kept by the reader's stack alone, not for the turn. With conservative_stacks off, it must be put
// into a handle before the next safepoint. Outside the heap it is a plain pointer, on its way into
// an object: nobody clears it.
//
// Errors: a target of another heap is fatal, with a message, when written and when read. Assignment
// may throw std::bad_alloc. Thread-safety: Get and assignment are atomic. Complexity: O(1).
template <class T>
class WeakMember {
 public:
  WeakMember() { NoteSlot(); }
  WeakMember(std::nullptr_t) { NoteSlot(); }
  WeakMember(T* target) {
    NoteSlot();
    *this = target;
  }
  template <class U>
  requires(std::convertible_to<U*, T*>) WeakMember(const Member<U>& target)
      : WeakMember(static_cast<T*>(target.get())) {}
  template <class U>
  requires(std::convertible_to<U*, T*>) WeakMember(const Persistent<U>& target)
      : WeakMember(static_cast<T*>(target.get())) {}
  template <class U>
  requires(std::convertible_to<U*, T*> && !std::same_as<U, T>)
      WeakMember(const WeakMember<U>& other)
      : WeakMember(static_cast<T*>(other.Get())) {}
  WeakMember(const WeakMember& other) {
    NoteSlot();
    *this = other;
  }
  WeakMember& operator=(const WeakMember& other) { return *this = other.Get(); }
  WeakMember& operator=(T* target) {
    internal::WriteWeakCell(cell_, internal::AddressOf(target));
    return *this;
  }
  // A template, lest {} be as good for it as for a null T*.
  template <std::same_as<std::nullptr_t> N>
  WeakMember& operator=(N) {
    return *this = static_cast<T*>(nullptr);
  }
  template <class U>
  requires(std::convertible_to<U*, T*>) WeakMember& operator=(const Member<U>& target) {
    return *this = static_cast<T*>(target.get());
  }
  template <class U>
  requires(std::convertible_to<U*, T*>) WeakMember& operator=(const Persistent<U>& target) {
    return *this = static_cast<T*>(target.get());
  }

  template <class U>
  requires(std::convertible_to<U*, T*> && !std::same_as<U, T>) WeakMember& operator=(
      const WeakMember<U>& other) {
    return *this = static_cast<T*>(other.Get());
  }

  // The target, or null once it has died.
  T* Get() const { return static_cast<T*>(cell_.Read(internal::CurrentMutator())); }

  void Trace(Visitor& visitor) const { internal::VisitorAccess::Weak(visitor, cell_); }

 private:
  void NoteSlot() const {
    if (internal::SlotsAreRecorded()) [[unlikely]]
      internal::RecordSlot(&cell_);
  }

  internal::WeakCell cell_;
};

}  // namespace elegy

#endif  // ELEGY_WEAK_REF_H_
