// Values in tables outside the heap: map values and held values, behind untyped storage.

#ifndef ELEGY_INTERNAL_VALUE_OPS_H_
#define ELEGY_INTERNAL_VALUE_OPS_H_

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "elegy/visitor.h"
#include "elegy/weak_ref.h"

namespace elegy::internal {

// A value in a weak table, which moves its values when it grows or shrinks, also on the collector's
// thread: that cannot fail. A value whose own moves may throw stands behind a pointer.
template <class V>
class Stored {
  static constexpr bool kInPlace = std::is_nothrow_move_constructible_v<V>;

 public:
  explicit Stored(V&& value) : value_(Take(std::move(value))) {}

  V& get() {
    if constexpr (kInPlace) {
      return value_;
    } else {
      return *value_;
    }
  }
  const V& get() const { return const_cast<Stored&>(*this).get(); }

 private:
  using Place = std::conditional_t<kInPlace, V, std::unique_ptr<V>>;

  static Place Take(V&& value) {
    if constexpr (kInPlace) {
      return std::move(value);
    } else {
      return std::make_unique<V>(std::move(value));
    }
  }

  Place value_;
};

struct ValueOps {
  std::size_t bytes;
  std::size_t alignment;
  void (*move)(void* to, void* from);  // move-constructs *to
  void (*destroy)(void* value);
  void (*trace)(const void* value, Visitor& visitor);  // null: no slots
  bool moves_plainly;                                  // by no code of the program's
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

// A field that decides how it is moved stands in a struct without constructors, or in a tuple, an
// array or an optional, which move field by field.
template <class V>
constexpr bool MovesPlainly() {
  return !AnyLeaf<V>([](auto leaf) {
    using Leaf = typename decltype(leaf)::Type;
    return !kIsSlot<Leaf> && !std::is_trivially_move_constructible_v<Leaf>;
  });
}

template <class V>
const V& ValueIn(const V& value) {
  return value;
}
template <class V>
const V& ValueIn(const Stored<V>& stored) {
  return stored.get();
}

// Of a V that stands in storage as an S.
template <class V, class S>
constexpr ValueOps MakeValueOps() {
  static_assert(!ContainsWeakMember<V>(),
                "elegy: a WeakMember exists only inside a managed object; hold a "
                "Member<WeakRef<T>> instead");
  static_assert(alignof(V) <= kMaxAlignment, "elegy: an alignment of at most 64 bytes");
  ValueOps ops = {sizeof(S), alignof(S), nullptr, nullptr, nullptr, MovesPlainly<V>()};
  ops.move = [](void* to, void* from) { ::new (to) S(std::move(*static_cast<S*>(from))); };
  ops.destroy = [](void* value) { std::destroy_at(static_cast<S*>(value)); };
  if constexpr (MayHaveSlots<V>()) {
    ops.trace = [](const void* value, Visitor& visitor) {
      TraceField(ValueIn<V>(*static_cast<const S*>(value)), visitor);
    };
  }
  return ops;
}

template <class V>
inline constexpr ValueOps kValueOps = MakeValueOps<V, V>();
template <class V>
inline constexpr ValueOps kStoredOps = MakeValueOps<V, Stored<V>>();

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_VALUE_OPS_H_
