// How the collector learns what a managed object refers to.

#ifndef ELEGY_VISITOR_H_
#define ELEGY_VISITOR_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "elegy/internal/fields.h"
#include "elegy/internal/type_info.h"
#include "elegy/member.h"
#include "elegy/traits.h"

namespace elegy {

namespace internal {
class WeakCell;
class TracedTable;
struct VisitorAccess;
}  // namespace internal

// What a managed type's Trace is given:
//
//   void Trace(elegy::Visitor& visitor) const { visitor.Trace(next_); visitor.Trace(owner_); }
//
// It must visit every slot and every weak cell of the object, and nothing else; what it reads
// besides them must not change once the object is built. So it may follow slots in native memory
// that belongs to the object, but those keep what the constructor has stored there, for no write
// barrier watches them: slots that change are in the object itself, an Array or a Vector. And they
// keep it only once the constructor has returned: if it makes objects, or comes to any other
// safepoint, what they hold by then has to be held elsewhere, too. It runs on collector threads
// and, when these fall behind, inside Make on mutators, on several at once perhaps, while mutators
// change the slots: it takes no lock, and makes no objects. An aggregate needs no Trace: its fields
// are visited one by one.
struct Visitor {
 public:
  Visitor(const Visitor&) = delete;
  Visitor& operator=(const Visitor&) = delete;

  // Visits a slot, a weak cell, a field with a Trace of its own, an aggregate, or a std::array,
  // optional, pair or tuple of them. Anything else that may hide a slot does not compile.
  template <class S>
  void Trace(const S& field);

 protected:
  Visitor() = default;
  virtual ~Visitor() = default;

 private:
  friend struct internal::VisitorAccess;

  // A slot for which there was no room between cursor_ and limit_; target may be null.
  virtual void OnSlot(const void* slot, void* target) = 0;
  virtual void OnWeakCell(const internal::WeakCell& cell) = 0;
  // A table outside the heap that belongs to the visited object.
  virtual void OnTable(internal::TracedTable& table) = 0;

 protected:
  // Where the targets of visited slots go, without a call each.
  void** cursor_ = nullptr;
  void** limit_ = nullptr;
};

namespace internal {

// The low bits of an address on a work list are for the collector's use. An address inside an
// object may be odd; without those bits it still lies in the same object, which begins at a
// multiple of 8.
inline constexpr std::uintptr_t kTagMask = 7;
inline void* Untagged(void* address) {
  return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(address) & ~kTagMask);
}

struct VisitorAccess {
  // Inlined into each type's trace function: the marker's time goes by its instructions.
  [[gnu::always_inline]] static void Slot(Visitor& visitor, const void* slot, void* target) {
    if (visitor.cursor_ == visitor.limit_) [[unlikely]]
      return visitor.OnSlot(slot, target);
    if (target != nullptr) *visitor.cursor_++ = Untagged(target);
  }
  static void Weak(Visitor& visitor, const WeakCell& cell) { visitor.OnWeakCell(cell); }
  static void Table(Visitor& visitor, TracedTable& table) { visitor.OnTable(table); }
};

// The address of the object itself, whatever its constness: marking never writes to it.
template <class T>
void* AddressOf(T* object) {
  return const_cast<void*>(static_cast<const void*>(object));
}

template <class T>
void* TargetOf(const Member<T>& slot) {
  return AddressOf(slot.get());
}
template <class T>
void* TargetOf(const AtomicMember<T>& slot) {
  return AddressOf(slot.load(std::memory_order_acquire));  // as the marker needs: a whole object
}

template <class F>
inline constexpr bool kIsSlot = false;
template <class T>
inline constexpr bool kIsSlot<Member<T>> = true;
template <class T>
inline constexpr bool kIsSlot<AtomicMember<T>> = true;

template <class F>
inline constexpr bool kIsTupleLike = false;
template <class... E>
inline constexpr bool kIsTupleLike<std::tuple<E...>> = true;
template <class A, class B>
inline constexpr bool kIsTupleLike<std::pair<A, B>> = true;

// Apart from the other tuples, so that a long one is a loop.
template <class F>
inline constexpr bool kIsStdArray = false;
template <class E, std::size_t N>
inline constexpr bool kIsStdArray<std::array<E, N>> = true;

template <class F>
inline constexpr bool kIsOptional = false;
template <class E>
inline constexpr bool kIsOptional<std::optional<E>> = true;

template <class F>
inline constexpr bool kIsPointerToClass = false;
template <class T>
inline constexpr bool kIsPointerToClass<T*> = std::is_class_v<T> || std::is_union_v<T>;

template <class F>
inline constexpr bool kIsAtomicPointer = false;
template <class T>
inline constexpr bool kIsAtomicPointer<std::atomic<T*>> = true;

template <class F>
inline constexpr bool kIsHandle = false;
template <class T>
inline constexpr bool kIsHandle<Persistent<T>> = true;
template <class T>
inline constexpr bool kIsHandle<WeakPersistent<T>> = true;

template <class F>
concept HasOwnTrace = requires(const F& field, Visitor& visitor) {
  field.Trace(visitor);
};

// Whether T is an aggregate whose fields FieldsOf can name, unless they are an anonymous union's.
template <class T>
constexpr bool CanNameFields() {
  if constexpr (!std::is_aggregate_v<T> || std::is_array_v<T> || std::is_union_v<T>) {
    return false;
  } else if constexpr (!kIsCounted<T> || kInitialisers < T >> kMaxFields || kHasBase<T>) {
    return false;
  } else {
    return !HasArrayField<T>();
  }
}

// Whether an aggregate, whose fields can be named, refers to something that may have slots.
template <class F>
constexpr bool RefersToTraced() {
  return decltype(FieldsOf(std::declval<const F&>()))::AnyReferred(
      []<class R>(R*) { return !kHasNoSlots<R>; });
}

// Explains, at compile time, why a field or a type cannot be traced.
template <class F>
constexpr void CheckTraceable() {
  static_assert(!kIsPointerToClass<F>,
                "elegy: a raw pointer to a class type inside a managed object is nearly always a "
                "forgotten elegy::Member; if it is not, say kHasNoSlots<T*> = true");
  static_assert(!kIsAtomicPointer<F>,
                "elegy: a std::atomic pointer inside a managed object is nearly always a forgotten "
                "elegy::AtomicMember; if it is not, say kHasNoSlots<T*> = true");
  static_assert(!kIsHandle<F>,
                "elegy: a Persistent or WeakPersistent inside a managed object, which a cycle "
                "through it would keep for ever: use elegy::Member or elegy::WeakMember");
  static_assert(!std::is_array_v<F>,
                "elegy: a C array as a field needs a std::array, or a Trace in its class");
  static_assert(
      std::is_pointer_v<F> || std::is_array_v<F> || std::is_aggregate_v<F>,
      "elegy: this type needs a public 'void Trace(elegy::Visitor&) const', or to be an aggregate, "
      "or, if it contains no slots, 'template <> inline constexpr bool "
      "elegy::kHasNoSlots<Type> = true'; a std container of slots cannot be traced: use "
      "elegy::Vector or elegy::Array");
  if constexpr (std::is_aggregate_v<F> && !std::is_array_v<F>) {
    static_assert(!std::is_union_v<F>, "elegy: a union needs a Trace in the class around it");
    static_assert(!kHasBase<F>,
                  "elegy: an aggregate with a base class, or whose first field converts from "
                  "anything, needs a Trace");
    static_assert(kInitialisers<F> <= kMaxFields,
                  "elegy: an aggregate with more than 32 fields, or with a C array, needs a Trace");
    static_assert(!HasArrayField<F>(), "elegy: an aggregate with a C array needs a Trace");
    static_assert(
        std::is_union_v<F> || kHasBase<F> || kIsCounted<F>,
        "elegy: an aggregate with a reference that is not const, or to its own, an abstract or "
        "an incomplete type, or with a first field of a type that not just anything "
        "initialises, needs a Trace");
    if constexpr (!std::is_union_v<F> && !kHasBase<F> && kInitialisers < F >> 0 &&
                  kInitialisers<F> <= kMaxFields && !HasArrayField<F>()) {
      static_assert(
          !RefersToTraced<F>(),
          "elegy: a reference to a class inside a managed object is nearly always a "
          "forgotten elegy::Member; if the class has no slots, say kHasNoSlots<T> = true");
    }
  }
}

template <class F>
[[gnu::always_inline]] inline void TraceField(const F& field, Visitor& visitor) {
  if constexpr (kIsSlot<F>) {
    VisitorAccess::Slot(visitor, &field, TargetOf(field));
  } else if constexpr (kHasNoSlots<F>) {
    return;
  } else if constexpr (HasOwnTrace<F>) {
    field.Trace(visitor);
  } else if constexpr (kIsOptional<F>) {
    if (field.has_value()) TraceField(*field, visitor);
  } else if constexpr (kIsStdArray<F> || std::is_array_v<F>) {
    for (const auto& each : field) TraceField(each, visitor);
  } else if constexpr (kIsTupleLike<F>) {
    std::apply([&visitor](const auto&... each) { (TraceField(each, visitor), ...); }, field);
  } else {
    CheckTraceable<F>();
    if constexpr (CanNameFields<F>()) {
      std::apply([&visitor](const auto&... each) { (TraceField(each, visitor), ...); },
                 FieldsOf(field).tuple);
    }
  }
}

template <class F>
struct FieldType {
  using Type = F;
};

// Whether `holds` is true of FieldType<L> for the type L of any field that is traced as a whole: a
// slot, a type without slots, or one with a Trace of its own.
template <class F, class Predicate>
constexpr bool AnyLeaf(Predicate holds) {
  if constexpr (kIsSlot<F> || kHasNoSlots<F> || HasOwnTrace<F>) {
    return holds(FieldType<F>());
  } else if constexpr (kIsOptional<F> || kIsStdArray<F>) {
    return AnyLeaf<std::remove_cv_t<typename F::value_type>>(holds);
  } else if constexpr (kIsTupleLike<F>) {
    return [holds]<std::size_t... I>(std::index_sequence<I...>) {
      return (AnyLeaf<std::remove_cv_t<std::tuple_element_t<I, F>>>(holds) || ...);
    }
    (std::make_index_sequence<std::tuple_size_v<F>>());
  } else {
    CheckTraceable<F>();
    if constexpr (CanNameFields<F>()) {
      using Fields = typename decltype(FieldsOf(std::declval<const F&>()))::Tuple;
      return [holds]<std::size_t... I>(std::index_sequence<I...>) {
        return (AnyLeaf<std::remove_cvref_t<std::tuple_element_t<I, Fields>>>(holds) || ...);
      }
      (std::make_index_sequence<std::tuple_size_v<Fields>>());
    } else {
      return false;
    }
  }
}

// Whether a field of this type can hold a slot or a weak cell at all.
template <class F>
constexpr bool MayHaveSlots() {
  return AnyLeaf<F>([](auto leaf) {
    using Leaf = typename decltype(leaf)::Type;
    return kIsSlot<Leaf> || !kHasNoSlots<Leaf>;
  });
}

// Whether F has an optional slot or weak cell somewhere, but for fields that have a Trace.
template <class F>
constexpr bool HasOptionalSlots() {
  if constexpr (kIsSlot<F> || kHasNoSlots<F> || HasOwnTrace<F>) {
    return false;
  } else if constexpr (kIsOptional<F>) {
    return MayHaveSlots<std::remove_cv_t<typename F::value_type>>();
  } else if constexpr (kIsStdArray<F>) {
    return HasOptionalSlots<std::remove_cv_t<typename F::value_type>>();
  } else if constexpr (kIsTupleLike<F>) {
    return []<std::size_t... I>(std::index_sequence<I...>) {
      return (HasOptionalSlots<std::remove_cv_t<std::tuple_element_t<I, F>>>() || ...);
    }
    (std::make_index_sequence<std::tuple_size_v<F>>());
  } else {
    CheckTraceable<F>();
    if constexpr (CanNameFields<F>()) {
      using Fields = typename decltype(FieldsOf(std::declval<const F&>()))::Tuple;
      return []<std::size_t... I>(std::index_sequence<I...>) {
        return (HasOptionalSlots<std::remove_cvref_t<std::tuple_element_t<I, Fields>>>() || ...);
      }
      (std::make_index_sequence<std::tuple_size_v<Fields>>());
    } else {
      return false;
    }
  }
}

}  // namespace internal

template <class S>
void Visitor::Trace(const S& field) {
  internal::TraceField(field, *this);
}

}  // namespace elegy

#endif  // ELEGY_VISITOR_H_
