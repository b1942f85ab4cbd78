// Handles from outside the heap: roots and weak roots.

#ifndef ELEGY_PERSISTENT_H_
#define ELEGY_PERSISTENT_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "elegy/internal/weak_cell.h"
#include "elegy/visitor.h"

namespace elegy {

namespace internal {

class RootTable;

// A handle's place in the table of its heap. The table outlives its heap until the last handle has
// gone.
struct RootNode {
  WeakCell cell;
  RootTable* table = nullptr;
  RootNode* next_free = nullptr;
  bool strong = false;
  std::uint32_t chunk = 0;  // of the table
};

// What a Persistent is, and a part of a WeakPersistent: null, or a node of the target's heap.
class RootHandle {
 public:
  constexpr RootHandle() noexcept = default;
  RootHandle(RootHandle&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  RootHandle& operator=(RootHandle&& other) noexcept {
    if (this != &other) {
      Release();
      node_ = std::exchange(other.node_, nullptr);
    }
    return *this;
  }
  ~RootHandle() { Release(); }

  // The target; null without one, and after the heap's end.
  void* Target() const { return node_ == nullptr ? nullptr : node_->cell.Target(); }
  // Throw std::bad_alloc; fatal, with a message, if the target lies in no heap.
  void AssignStrong(void* target);
  // Of `source`, which holds `target`; or null, if that is null or its heap has ended meanwhile.
  void CopyStrong(const RootHandle& source, void* target);

 protected:
  RootNode* node() const { return node_; }
  void Replace(RootNode* node) noexcept;

 private:
  void Release() noexcept;

  RootNode* node_ = nullptr;
};

// A WeakPersistent: a weak node, and its target beside it, so that most reads do without the node,
// which is a cache miss. The collector nulls the node and knows nothing of the handle; the stamp
// says when the node was last seen to hold the target (src/mutator/root_handle.cc).
class WeakHandle : private RootHandle {
 public:
  constexpr WeakHandle() noexcept = default;
  WeakHandle(WeakHandle&& other) noexcept { *this = std::move(other); }
  WeakHandle& operator=(WeakHandle&& other) noexcept {
    if (this == &other) return *this;
    hidden_target_ = std::exchange(other.hidden_target_, Hidden(nullptr));
    seen_.Store(other.seen_.Load());
    RootHandle::operator=(std::move(other));
    return *this;
  }
  ~WeakHandle() = default;

  // The target behind the weak read's protocol.
  void* Read() const;
  // Throws std::bad_alloc; fatal, with a message, if the target lies in no heap.
  void Assign(void* target);

 private:
  void* ReadNode() const;

  // As it was assigned, and no address: a handle in a stack frame would keep its target.
  static std::uintptr_t Hidden(void* target) { return ~reinterpret_cast<std::uintptr_t>(target); }

  std::uintptr_t hidden_target_ = ~std::uintptr_t{0};
  mutable IdleNumber seen_;
};

}  // namespace internal

// A root: keeps its target alive from anywhere outside the heap, as a global, a local, a field of a
// std container. It may be copied, moved, assigned and destroyed on any thread, attached or not,
// also after its heap's end, when it reads null and may be given an object of another heap. Several
// threads may read one handle at once; who changes it needs the caller's synchronisation, as with a
// std::shared_ptr.
//
// Errors: std::bad_alloc if no node can be had; an address in no heap is fatal, with a message.
// Complexity: O(1); the first assignment of a non-null target and destruction take a short lock. A
// cycle looks at each handle, and at up to 255 unused ones for each; 32 bytes each, not counted by
// max_heap_bytes, most of which go back after a cycle when they are no longer used.
template <class T>
class Persistent {
 public:
  constexpr Persistent() noexcept = default;
  constexpr Persistent(std::nullptr_t) noexcept {}
  Persistent(T* target) { *this = target; }
  Persistent(const Persistent& other) { Copy(other); }
  Persistent(Persistent&& other) noexcept = default;
  template <class U>
  requires(std::convertible_to<U*, T*> && !std::same_as<U, T>)
      Persistent(const Persistent<U>& other) {
    Copy(other);
  }
  template <class U>
  requires(std::convertible_to<U*, T*>) Persistent(const Member<U>& other)
      : Persistent(static_cast<T*>(other.get())) {}

  Persistent& operator=(const Persistent& other) {
    Copy(other);
    return *this;
  }
  Persistent& operator=(Persistent&& other) noexcept = default;
  Persistent& operator=(T* target) {
    handle_.AssignStrong(internal::AddressOf(target));
    return *this;
  }
  // A template, lest {} be as good for it as for a null T*.
  template <std::same_as<std::nullptr_t> N>
  Persistent& operator=(N) {
    return *this = static_cast<T*>(nullptr);
  }
  template <class U>
  requires(std::convertible_to<U*, T*> && !std::same_as<U, T>) Persistent& operator=(
      const Persistent<U>& other) {
    Copy(other);
    return *this;
  }
  template <class U>
  requires(std::convertible_to<U*, T*>) Persistent& operator=(const Member<U>& other) {
    return *this = static_cast<T*>(other.get());
  }

  // Null after the heap's end.
  T* get() const { return static_cast<T*>(handle_.Target()); }
  operator T*() const { return get(); }
  T* operator->() const { return get(); }
  T& operator*() const { return *get(); }
  void operator[](std::ptrdiff_t) const = delete;  // as a Member's

 private:
  template <class U>
  friend class Persistent;

  template <class U>
  void Copy(const Persistent<U>& other) {
    handle_.CopyStrong(other.handle_, internal::AddressOf(static_cast<T*>(other.get())));
  }

  internal::RootHandle handle_;
};

template <class T>
Persistent(T*) -> Persistent<T>;
template <class T>
Persistent(Member<T>) -> Persistent<T>;

// By the target's address, which does not change.
template <class H, class T>
H AbslHashValue(H state, const Persistent<T>& handle) {
  return H::combine(std::move(state), handle.get());
}

// A weak cell outside the heap. Get needs an attached mutator of the target's heap (fatal, with a
// message, otherwise), and so do copies; the target is kept by the reader's stack alone. It may be
// moved, destroyed, and assigned null, on any thread. Several threads may read one at once; who
// changes it needs the caller's synchronisation.
//
// Errors and complexity: as a Persistent's. Get is O(1) and throws nothing; the first one after a
// cycle may miss the cache twice. A handle itself has 24 bytes.
template <class T>
class WeakPersistent {
 public:
  constexpr WeakPersistent() noexcept = default;
  constexpr WeakPersistent(std::nullptr_t) noexcept {}
  WeakPersistent(T* target) { *this = target; }
  template <class U>
  requires(std::convertible_to<U*, T*>) WeakPersistent(const Member<U>& target)
      : WeakPersistent(static_cast<T*>(target.get())) {}
  template <class U>
  requires(std::convertible_to<U*, T*>) WeakPersistent(const Persistent<U>& target)
      : WeakPersistent(static_cast<T*>(target.get())) {}
  template <class U>
  requires(std::convertible_to<U*, T*> && !std::same_as<U, T>)
      WeakPersistent(const WeakPersistent<U>& other)
      : WeakPersistent(static_cast<T*>(other.Get())) {}
  WeakPersistent(const WeakPersistent& other) { *this = other.Get(); }
  WeakPersistent(WeakPersistent&& other) noexcept = default;

  WeakPersistent& operator=(const WeakPersistent& other) { return *this = other.Get(); }
  WeakPersistent& operator=(WeakPersistent&& other) noexcept = default;
  WeakPersistent& operator=(T* target) {
    handle_.Assign(internal::AddressOf(target));
    return *this;
  }
  // A template, lest {} be as good for it as for a null T*.
  template <std::same_as<std::nullptr_t> N>
  WeakPersistent& operator=(N) {
    return *this = static_cast<T*>(nullptr);
  }

  template <class U>
  requires(std::convertible_to<U*, T*>) WeakPersistent& operator=(const Member<U>& target) {
    return *this = static_cast<T*>(target.get());
  }
  template <class U>
  requires(std::convertible_to<U*, T*>) WeakPersistent& operator=(const Persistent<U>& target) {
    return *this = static_cast<T*>(target.get());
  }
  template <class U>
  requires(std::convertible_to<U*, T*> && !std::same_as<U, T>) WeakPersistent& operator=(
      const WeakPersistent<U>& other) {
    return *this = static_cast<T*>(other.Get());
  }

  // The target, or null once it or its heap has died.
  T* Get() const { return static_cast<T*>(handle_.Read()); }

 private:
  internal::WeakHandle handle_;
};

}  // namespace elegy

template <class T>
struct std::hash<elegy::Persistent<T>> {
  std::size_t operator()(const elegy::Persistent<T>& handle) const {
    return std::hash<T*>()(handle.get());
  }
};

#endif  // ELEGY_PERSISTENT_H_
