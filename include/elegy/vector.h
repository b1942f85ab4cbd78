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
// References and iterators to elements end with the next growth (push_back, insert, resize,
// reserve): they then name elements that are no longer the Vector's, and a store through one is
// lost. pop_back, front and back of an empty one are forbidden; as an index, and a range given to
// erase, that is not checked.
//
// Thread-safety: elements that are slots are atomic; operations that change the size need the
// caller's synchronisation against each other, against readers and against stores to elements,
// which a growth beside them loses. The collector needs none.
// Complexity: push_back is amortised O(1), insert and erase O(elements behind the place). What
// grows is a safepoint then; it throws std::bad_alloc and then has changed nothing. Elements that
// are dropped are reset.
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
  T* data() { return begin(); }
  const T* data() const { return begin(); }
  T& front() { return (*this)[0]; }
  const T& front() const { return (*this)[0]; }
  T& back() { return (*this)[size_ - 1]; }
  const T& back() const { return (*this)[size_ - 1]; }

  void push_back(T value) {
    Grow(size_ + 1);
    Assign((*elements_)[size_], value);
    size_++;
  }

  void pop_back() {
    size_--;
    T empty = T();
    Assign((*elements_)[size_], empty);
  }

  // Before `place`, which may be end(). Returns where the new element is.
  T* insert(const T* place, T value) {
    const auto index = static_cast<std::size_t>(place - begin());
    Grow(size_ + 1);
    Array<T>& elements = *elements_;
    for (std::size_t i = size_; i > index; i--) Assign(elements[i], elements[i - 1]);
    Assign(elements[index], value);
    size_++;
    return begin() + index;
  }

  // Return the place behind the erased ones.
  T* erase(const T* place) { return erase(place, place + 1); }
  T* erase(const T* first, const T* last) {
    const auto index = static_cast<std::size_t>(first - begin());
    const auto count = static_cast<std::size_t>(last - first);
    if (count == 0) return begin() + index;
    Array<T>& elements = *elements_;
    for (std::size_t i = index; i + count < size_; i++) Assign(elements[i], elements[i + count]);
    for (std::size_t i = 0; i < count; i++) pop_back();
    return begin() + std::min(index, size_);
  }

  // New elements are value-initialised.
  void resize(std::size_t size) {
    while (size_ > size) pop_back();
    Grow(size);
    size_ = size;
  }

  void clear() { resize(0); }

  void reserve(std::size_t capacity) {
    if (capacity <= this->capacity()) return;
    Array<T>* const grown = MakeArray<T>(capacity);
    for (std::size_t i = 0; i < size_; i++) Assign((*grown)[i], (*elements_)[i]);
    elements_ = grown;
  }

  void Trace(Visitor& visitor) const { visitor.Trace(elements_); }

 private:
  // Makes room for so many. What lies beyond size_ is as value-initialised.
  void Grow(std::size_t size) {
    static_assert(!internal::HasOptionalSlots<T>(),
                  "elegy: a Vector's element cannot have an optional slot, which would become or "
                  "cease to be one behind the collector's back: use the slot itself, which can be "
                  "null");
    if (size <= capacity()) return;
    constexpr std::size_t kFirstCapacity = 4;
    if (size_ > SIZE_MAX / 2) throw std::bad_alloc();
    reserve(std::max({kFirstCapacity, size, size_ * 2}));
  }

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
