// From a C++ type to its TypeInfo, and which types may be managed at all.

#ifndef ELEGY_INTERNAL_MANAGED_TYPE_H_
#define ELEGY_INTERNAL_MANAGED_TYPE_H_

#include <type_traits>

#include "elegy/internal/layout.h"
#include "elegy/internal/type_info.h"
#include "elegy/visitor.h"

namespace elegy {
template <class T>
class Array;
}  // namespace elegy

namespace elegy::internal {

// Specialised to true by the library's own types whose trace walks a table outside the heap.
template <class T>
inline constexpr bool kIsContainer = false;

template <class T>
inline constexpr bool kIsArray = false;
template <class T>
inline constexpr bool kIsArray<Array<T>> = true;

template <class T>
constexpr void CheckManaged() {
  static_assert(!kIsArray<T>, "elegy: an Array is made by MakeArray<T>(length)");
  static_assert(std::is_object_v<T> && !std::is_pointer_v<T> && !std::is_array_v<T>,
                "elegy: a managed object is a class or scalar object; use MakeArray for arrays");
  static_assert(!std::is_const_v<T> && !std::is_volatile_v<T>,
                "elegy: a managed type is not const or volatile");
  static_assert(alignof(T) <= kMaxAlignment,
                "elegy: a managed type may ask for an alignment of at most 64 bytes");
}

template <class T>
constexpr TypeDescription Describe() {
  CheckManaged<T>();
  TypeDescription info;
  info.name = NameOf<T>();
  if constexpr (MayHaveSlots<T>()) {
    info.trace = [](const void* object, Visitor& visitor) {
      TraceField(*static_cast<const T*>(object), visitor);
    };
  }
  if constexpr (!std::is_trivially_destructible_v<T>) {
    info.destroy = [](void* object) { static_cast<T*>(object)->~T(); };
  }
  info.size = sizeof(T);
  info.is_container = kIsContainer<T>;
  return info;
}

template <class T>
inline constinit TypeInfo g_type{Describe<T>()};

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_MANAGED_TYPE_H_
