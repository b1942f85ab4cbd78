// Managed arrays of a fixed length.

#ifndef ELEGY_ARRAY_H_
#define ELEGY_ARRAY_H_

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

#include "elegy/internal/allocate.h"
#include "elegy/mutator.h"
#include "elegy/visitor.h"
#include "elegy/weak_ref.h"

namespace elegy {

namespace internal {
// Constructs an array's elements one by one, and answers handshakes between them. A scan meanwhile
// looks at those that are constructed, and at the one that is: behind it lies what the memory held
// before.
template <class T>
class ElementsScope {
 public:
  ElementsScope(MutatorCore& mutator, Array<T>& array, ConstructionNode& node)
      : mutator_(mutator), array_(array), node_(node) {}
  ElementsScope(const ElementsScope&) = delete;
  ElementsScope& operator=(const ElementsScope&) = delete;
  ~ElementsScope() {
    if (done_ < array_.size()) std::destroy_n(array_.begin(), done_);
  }

  void ConstructAll() {
    // Constructors that do nothing are built in loops that do nothing else.
    constexpr std::size_t kAtOnce = std::is_trivially_default_constructible_v<T> ? 1024 : 1;
    for (; done_ < array_.size(); done_++) {
      if (done_ % kAtOnce == 0 && mutator_.IsAskedForHandshake()) [[unlikely]]
        AnswerHandshake(mutator_);
      node_.bytes += sizeof(T);
      ::new (static_cast<void*>(array_.begin() + done_)) T();
    }
  }

 private:
  MutatorCore& mutator_;
  Array<T>& array_;
  ConstructionNode& node_;
  std::size_t done_ = 0;
};

template <class T>
Array<T>* MakeArrayIn(MutatorCore& mutator, std::size_t length);
}  // namespace internal

// A managed array: made by MakeArray<T>(length), its length never changes. Elements are slots, weak
// cells, structs of them, or any slot-free type, with a default constructor; they are
// value-initialised. Elements that are slots are atomic; an index is not checked. An optional slot
// of an element stays as it was initialised, engaged or not. On a stack a pointer to any element,
// and end() too, keeps the array.
template <class T>
class Array {
 public:
  using value_type = T;

  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](std::size_t index) { return begin()[index]; }
  const T& operator[](std::size_t index) const { return begin()[index]; }
  T* begin() { return reinterpret_cast<T*>(reinterpret_cast<char*>(this) + kHeaderBytes); }
  T* end() { return begin() + size_; }
  const T* begin() const {
    return reinterpret_cast<const T*>(reinterpret_cast<const char*>(this) + kHeaderBytes);
  }
  const T* end() const { return begin() + size_; }

  void Trace(Visitor& visitor) const {
    for (const T& element : *this) visitor.Trace(element);
  }

 private:
  template <class U>
  friend Array<U>* internal::MakeArrayIn(internal::MutatorCore& mutator, std::size_t length);

  static constexpr std::size_t kAlignment = alignof(T) > alignof(std::size_t)
                                                ? alignof(T)
                                                : alignof(std::size_t);
  static constexpr std::size_t kHeaderBytes = internal::RoundUp(sizeof(std::size_t), kAlignment);

  explicit Array(std::size_t size) : size_(size) {}
  ~Array() = default;

  const std::size_t size_;
};

namespace internal {

// Types whose value-initialised form is all zero bytes.
template <class T>
inline constexpr bool kIsZeroInitialised =
    kIsSlot<T> || std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_pointer_v<T>;
template <class T>
inline constexpr bool kIsZeroInitialised<WeakMember<T>> = true;

template <class T>
constexpr TypeDescription DescribeArray() {
  CheckManaged<T>();
  static_assert(std::is_default_constructible_v<T>,
                "elegy: an element needs a default constructor, for all are made at once");
  TypeDescription info;
  info.name = NameOf<Array<T>>();
  if constexpr (MayHaveSlots<T>()) {
    info.trace = [](const void* object, Visitor& visitor) {
      static_cast<const Array<T>*>(object)->Trace(visitor);
    };
    info.trace_elements = [](const void* object, std::size_t begin, std::size_t end,
                             Visitor& visitor) {
      const Array<T>& array = *static_cast<const Array<T>*>(object);
      for (std::size_t i = begin; i < end && i < array.size(); i++) visitor.Trace(array[i]);
      return array.size();
    };
  }
  if constexpr (!std::is_trivially_destructible_v<T>) {
    info.destroy = [](void* object) {
      Array<T>& array = *static_cast<Array<T>*>(object);
      std::destroy(array.begin(), array.end());
    };
  }
  info.size = sizeof(Array<T>);
  return info;
}

template <class T>
inline constinit TypeInfo g_array_type{DescribeArray<T>()};

template <class T>
Array<T>* MakeArrayIn(MutatorCore& mutator, std::size_t length) {
  constexpr std::size_t kHeader = Array<T>::kHeaderBytes;
  if (length > (SIZE_MAX / 2 - kHeader) / sizeof(T)) throw std::bad_alloc();
  const std::size_t bytes = kHeader + length * sizeof(T);
  void* const memory =
      AllocateArray(mutator, g_array_type<T>, bytes, Array<T>::kAlignment, kIsZeroInitialised<T>);
  if constexpr (kIsZeroInitialised<T>) {
    return ::new (memory) Array<T>(length);
  } else {
    SlotCheck check(g_array_type<T>, memory, MayHaveSlots<T>() ? bytes : 0);
    ConstructionNode node{mutator.constructing, memory, kHeader};
    ConstructionScope scope(mutator, node);
    auto* const array = ::new (memory) Array<T>(length);
    ElementsScope<T> elements(mutator, *array, node);
    elements.ConstructAll();
    scope.Finish();
    check.Compare();
    return array;
  }
}

}  // namespace internal

// A new array on the current mutator. Throws std::bad_alloc as Make does, and if the length
// overflows; length 0 is legal. Complexity: O(length); a large array on memory that is fresh from
// the operating system is left as it comes, zero.
template <class T>
Array<T>* MakeArray(std::size_t length) {
  return internal::MakeArrayIn<T>(internal::CurrentMutator(), length);
}

}  // namespace elegy

#endif  // ELEGY_ARRAY_H_
