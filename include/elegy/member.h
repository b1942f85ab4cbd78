// Slots: pointers between managed objects.

#ifndef ELEGY_MEMBER_H_
#define ELEGY_MEMBER_H_

#include <atomic>
#include <concepts>
#include <cstddef>

#include "elegy/internal/slot.h"

namespace elegy {

template <class T>
class Persistent;
template <class T>
class WeakPersistent;

namespace internal {
template <class A>
struct PlainInitialiser;
}  // namespace internal

// A slot inside a managed object: refers to another managed object of the same heap and keeps it
// alive. As a local variable or a parameter it is a plain pointer, found by the stack scan.
//
// Thread-safety: reads and stores are atomic; a store is a release and a read an acquire. Threads
// that use one are attached to its heap, or what they read may be freed beside them; nothing but
// some stores while a heap is marking (fatal, with a message) shows who is not. The same goes for
// AtomicMember, Array and Vector. In `c ? member : pointer` one of the two has to be named: get().
// Complexity: a store costs a test of the barrier's flag more than a plain pointer's; while the
// heap is marking, it also tests the mark of the pointer that it overwrites.
template <class T>
class Member {
 public:
  constexpr Member() noexcept : slot_(nullptr) {}
  constexpr Member(std::nullptr_t) noexcept : slot_(nullptr) {}
  Member(T* target) noexcept : slot_(target) {}
  Member(const Member& other) noexcept : slot_(other.get()) {}
  template <class U>
  requires(std::convertible_to<U*, T*> && !std::same_as<U, T>) Member(const Member<U>& other)
      : slot_(other.get()) {}
  template <class U>
  requires(std::convertible_to<U*, T*>) Member(const Persistent<U>& other) : slot_(other.get()) {}

  Member& operator=(const Member& other) { return *this = other.get(); }
  Member& operator=(T* target) {
    slot_.Store(target);
    return *this;
  }
  // A template, lest {} be as good for it as for a null T*.
  template <std::same_as<std::nullptr_t> N>
  Member& operator=(N) {
    return *this = static_cast<T*>(nullptr);
  }
  template <class U>
  requires(std::convertible_to<U*, T*> && !std::same_as<U, T>) Member& operator=(
      const Member<U>& other) {
    return *this = static_cast<T*>(other.get());
  }
  template <class U>
  requires(std::convertible_to<U*, T*>) Member& operator=(const Persistent<U>& other) {
    return *this = static_cast<T*>(other.get());
  }

  T* get() const { return slot_.Load(); }
  operator T*() const { return get(); }
  T* operator->() const { return get(); }
  T& operator*() const { return *get(); }
  // Not the pointer's: an element of a managed array is (*member)[i].
  void operator[](std::ptrdiff_t) const = delete;

 private:
  template <class A>
  friend struct internal::PlainInitialiser;

  Member(internal::UnrecordedSlot unrecorded, T* target) : slot_(unrecorded, target) {}

  internal::Slot<T> slot_;
};

template <class T>
Member(T*) -> Member<T>;

// A slot with std::atomic's operations, for lock-free structures. Memory orders weaker than those
// of a Member are accepted and strengthened to release for a store, acquire for a load, and
// acquire-release for an exchange (acquire if it fails): what the collector's marker finds in a
// slot must be whole.
template <class T>
class AtomicMember {
  static constexpr std::memory_order kDefaultOrder = std::memory_order_seq_cst;  // std::atomic's

 public:
  constexpr AtomicMember() : slot_(nullptr) {}
  constexpr AtomicMember(std::nullptr_t) : slot_(nullptr) {}
  AtomicMember(T* target) : slot_(target) {}
  AtomicMember(const AtomicMember&) = delete;
  AtomicMember& operator=(const AtomicMember&) = delete;

  T* load(std::memory_order order = kDefaultOrder) const { return slot_.LoadAs(order); }
  void store(T* target, std::memory_order order = kDefaultOrder) { slot_.StoreAs(target, order); }
  T* exchange(T* target, std::memory_order order = kDefaultOrder) {
    return slot_.Exchange(target, order);
  }
  bool compare_exchange_strong(T*& expected, T* desired, std::memory_order order = kDefaultOrder) {
    return slot_.CompareExchange(expected, desired, order, order);
  }
  bool compare_exchange_strong(T*& expected, T* desired, std::memory_order success,
                               std::memory_order failure) {
    return slot_.CompareExchange(expected, desired, success, failure);
  }
  bool compare_exchange_weak(T*& expected, T* desired, std::memory_order order = kDefaultOrder) {
    return slot_.CompareExchange(expected, desired, order, order);
  }
  bool compare_exchange_weak(T*& expected, T* desired, std::memory_order success,
                             std::memory_order failure) {
    return slot_.CompareExchange(expected, desired, success, failure);
  }

  operator T*() const { return load(); }
  void operator[](std::ptrdiff_t) const = delete;  // as a Member's
  T* operator=(T* target) {
    store(target);
    return target;
  }

 private:
  template <class A>
  friend struct internal::PlainInitialiser;

  AtomicMember(internal::UnrecordedSlot unrecorded, T* target) : slot_(unrecorded, target) {}

  internal::Slot<T> slot_;
};

}  // namespace elegy

#endif  // ELEGY_MEMBER_H_
