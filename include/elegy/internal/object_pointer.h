// Anything that names a managed object: raw pointers, Members, Persistents, a literal nullptr.

#ifndef ELEGY_INTERNAL_OBJECT_POINTER_H_
#define ELEGY_INTERNAL_OBJECT_POINTER_H_

#include <concepts>
#include <cstddef>
#include <type_traits>

#include "elegy/member.h"
#include "elegy/persistent.h"

namespace elegy {

namespace internal {

template <class P>
inline constexpr bool kNamesObject = std::is_null_pointer_v<P>;
template <class T>
inline constexpr bool kNamesObject<T*> = std::is_object_v<T>;
template <class T>
inline constexpr bool kNamesObject<Member<T>> = true;
template <class T>
inline constexpr bool kNamesObject<AtomicMember<T>> = true;
template <class T>
inline constexpr bool kNamesObject<Persistent<T>> = true;

}  // namespace internal

template <class P>
concept ObjectPointer = internal::kNamesObject<std::remove_cvref_t<P>>;

namespace internal {

inline const void* AddressIn(std::nullptr_t) { return nullptr; }
template <class T>
const void* AddressIn(T* pointer) {
  return pointer;
}
template <class T>
const void* AddressIn(const Member<T>& slot) {
  return slot.get();
}
template <class T>
const void* AddressIn(const AtomicMember<T>& slot) {
  return static_cast<T*>(slot);
}
template <class T>
const void* AddressIn(const Persistent<T>& root) {
  return root.get();
}

// Whether both addresses lie in the same object; false if either lies in no object of the current
// mutator's heap.
bool InSameObject(const void* a, const void* b);

template <class Held>
bool NamesSameObject(const void* target, const Held& held) {
  if constexpr (ObjectPointer<Held> && !std::is_null_pointer_v<Held>) {
    return InSameObject(target, AddressIn(held));
  } else {
    return false;
  }
}

}  // namespace internal

}  // namespace elegy

#endif  // ELEGY_INTERNAL_OBJECT_POINTER_H_
