// A managed growable array.

#ifndef ELEGY_VECTOR_H_
#define ELEGY_VECTOR_H_

#include <algorithm>
#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include "elegy/array.h"
#include "elegy/member.h"

namespace elegy {

// Behind a Member (made by Make<Vector<T>>()) or as a field of a managed object, which must visit
// it in its Trace. Elements as an Array's, without optional slots; a struct must be movable.
//
// References and iterators to elements end with the next growth (push_back, reserve): they then
// name elements that are no longer the Vector's, and a store through one is lost. pop_back and back
// of an empty one are forbidden; as an index, that is not checked.
//
// Thread-safety: elements that are slots are atomic; operations that change the size need the
// caller's synchronisation against each other, against readers and against stores to elements,
// which a growth beside them loses. The collector needs none.
// Complexity: push_back is amortised O(1) and a safepoint when it grows; it throws std::bad_alloc
// and then has changed nothing. pop_back and clear reset the elements that they drop.
template <class T>
class Vector {
 public:
  using value_type = T;

  Vector() = default;
  Vector(const Vector&) = delete;
  Vector& operator=(const Vector&) = delete;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::size_t capacity() const {
    const Array<T>* const elements = elements_.get();
    return elements == nullptr ? 0 : elements->size();
  }
  T& operator[](std::size_t index) { return (*elements_)[index]; }
  const T& operator[](std::size_t index) const { return (*elements_)[index]; }
  T* begin() { return size_ == 0 ? nullptr : elements_->begin(); }
  T* end() { return begin() + size_; }
  const T* begin() const { return size_ == 0 ? nullptr : elements_->begin(); }
  const T* end() const { return begin() + size_; }
  T& back() { return (*this)[size_ - 1]; }
  const T& back() const { return (*this)[size_ - 1]; }

  void push_back(T value) {
    static_assert(!internal::HasOptionalSlots<T>(),
                  "elegy: a Vector's element cannot have an optional slot, which would become or "
                  "cease to be one behind the collector's back: use the slot itself, which can be "
                  "null");
    if (size_ == capacity()) {
      constexpr std::size_t kFirstCapacity = 4;
      if (size_ > SIZE_MAX / 2) throw std::bad_alloc();
      reserve(std::max(kFirstCapacity, size_ * 2));
    }
    Assign((*elements_)[size_], value);
    size_++;
  }

  void pop_back() {
    size_--;
    T empty = T();
    Assign((*elements_)[size_], empty);
  }

  void clear() {
    while (size_ > 0) pop_back();
  }

  void reserve(std::size_t capacity) {
    if (capacity <= this->capacity()) return;
    Array<T>* const grown = MakeArray<T>(capacity);
    for (std::size_t i = 0; i < size_; i++) Assign((*grown)[i], (*elements_)[i]);
    elements_ = grown;
  }

  void Trace(Visitor& visitor) const { visitor.Trace(elements_); }

 private:
  // An AtomicMember cannot be moved.
  static void Assign(T& to, T& from) {
    if constexpr (std::is_move_assignable_v<T>) {
      to = std::move(from);
    } else {
      to.store(from.load());
    }
  }

  Member<Array<T>> elements_;
  std::size_t size_ = 0;
};

}  // namespace elegy

#endif  // ELEGY_VECTOR_H_
