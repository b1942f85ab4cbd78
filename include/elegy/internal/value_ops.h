// Values in tables outside the heap: map values and held values, behind untyped storage.

#ifndef ELEGY_INTERNAL_VALUE_OPS_H_
#define ELEGY_INTERNAL_VALUE_OPS_H_

#include <cstddef>
#include <new>
#include <utility>

#include "elegy/visitor.h"
#include "elegy/weak_ref.h"

namespace elegy::internal {

struct ValueOps {
  std::size_t bytes;
  std::size_t alignment;
  void (*move)(void* to, void* from);  // move-constructs *to
  void (*destroy)(void* value);
  void (*trace)(const void* value, Visitor& visitor);  // null: no slots
};

template <class F>
inline constexpr bool kIsWeakMember = false;
template <class T>
inline constexpr bool kIsWeakMember<WeakMember<T>> = true;

// In a table there is no object around a weak cell that the clearing could find it by. What a class
// with a Trace of its own hides cannot be seen here.
template <class V>
constexpr bool ContainsWeakMember() {
  return AnyLeaf<V>([](auto leaf) { return kIsWeakMember<typename decltype(leaf)::Type>; });
}

template <class V>
constexpr ValueOps MakeValueOps() {
  static_assert(!ContainsWeakMember<V>(),
                "elegy: a WeakMember exists only inside a managed object; hold a "
                "Member<WeakRef<T>> instead");
  static_assert(alignof(V) <= kMaxAlignment, "elegy: an alignment of at most 64 bytes");
  ValueOps ops = {sizeof(V), alignof(V), nullptr, nullptr, nullptr};
  ops.move = [](void* to, void* from) { ::new (to) V(std::move(*static_cast<V*>(from))); };
  ops.destroy = [](void* value) { static_cast<V*>(value)->~V(); };
  if constexpr (MayHaveSlots<V>()) {
    ops.trace = [](const void* value, Visitor& visitor) {
      TraceField(*static_cast<const V*>(value), visitor);
    };
  }
  return ops;
}

template <class V>
inline constexpr ValueOps kValueOps = MakeValueOps<V>();

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_VALUE_OPS_H_
