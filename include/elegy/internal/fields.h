// The fields of an aggregate, without a word from the program: counted by trying ever more
// initialisers, then named by structured bindings.

#ifndef ELEGY_INTERNAL_FIELDS_H_
#define ELEGY_INTERNAL_FIELDS_H_

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace elegy::internal {

inline constexpr std::size_t kMaxFields = 32;

// Stands for the initialiser of any field of Owner, but not for a whole Owner. Never called; clang
// wants a body where Owner has no linkage.
template <class Owner>
struct AnyField {
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, Owner> && !std::is_base_of_v<F, Owner>)
  operator F() const {
    __builtin_unreachable();
  }
};

// Stands for the initialiser of a base class of Owner.
template <class Owner>
struct AnyBase {
  template <class F>
  requires(std::is_base_of_v<F, Owner> && !std::is_same_v<F, Owner>) operator F() const {
    __builtin_unreachable();
  }
};

template <class T, std::size_t>
using AnyFieldAt = AnyField<T>;

template <class T, std::size_t... I>
constexpr bool TakesInitialisers(std::index_sequence<I...>) {
  return requires { T{AnyFieldAt<T, I>{}...}; };
}

// Whether T{any x Before, {any, any}, any x After} is well formed.
template <class T, std::size_t... Before, std::size_t... After>
constexpr bool TakesNested(std::index_sequence<Before...>, std::index_sequence<After...>) {
  return requires {
    T{AnyFieldAt<T, Before>{}..., {AnyField<T>{}, AnyField<T>{}}, AnyFieldAt<T, After>{}...};
  };
}

template <class T, std::size_t N = kMaxFields + 1>
constexpr std::size_t CountInitialisers() {
  if constexpr (N == 0) {
    return 0;
  } else if constexpr (TakesInitialisers<T>(std::make_index_sequence<N>())) {
    return N;
  } else {
    return CountInitialisers<T, N - 1>();
  }
}

template <class T>
inline constexpr std::size_t kInitialisers = CountInitialisers<T>();

// Whether the fields can be named. An AnyField initialises no reference that is not const, and no
// type of which several constructors would take it: with one of them no field may be counted.
template <class T>
inline constexpr bool kIsCounted = kInitialisers<T> > 0 || std::is_empty_v<T>;

template <class T>
inline constexpr bool kHasBase = requires {
  T{AnyBase<T>{}};
};

// An array takes as many of the outer initialisers as it has elements, so that behind braces for it
// fewer of them are accepted than behind braces for any other field.
template <class T, std::size_t I = 0>
constexpr bool HasArrayField() {
  if constexpr (I >= kInitialisers<T>) {
    return false;
  } else if constexpr (TakesNested<T>(std::make_index_sequence<I>(), std::index_sequence<>()) &&
                       !TakesNested<T>(std::make_index_sequence<I>(),
                                       std::make_index_sequence<kInitialisers<T> - I - 1>())) {
    return true;
  } else {
    return HasArrayField<T, I + 1>();
  }
}

// References to the fields of an aggregate, and how these are declared: in the references alone a
// field that is a reference itself looks like what it refers to.
template <class... Declared>
struct Fields {
  using Tuple = std::tuple<std::add_lvalue_reference_t<Declared>...>;
  static constexpr bool kHasReference = (std::is_reference_v<Declared> || ...);

  // Whether `holds` is true of a type that a field refers to, given as a null pointer to it.
  template <class Predicate>
  static constexpr bool AnyReferred(Predicate holds) {
    return ((std::is_reference_v<Declared> &&
             holds(static_cast<std::remove_cvref_t<Declared>*>(nullptr))) ||
            ...);
  }

  Tuple tuple;
};

// Those of an aggregate that has no base and no array among them.
template <class T>
constexpr auto FieldsOf(const T& object) {
  constexpr std::size_t kCount = kInitialisers<T>;
  if constexpr (kCount == 0) {
    return Fields<>{};
  } else if constexpr (kCount == 1) {
    const auto& [f0] = object;
    return Fields<decltype(f0)>{{f0}};
  } else if constexpr (kCount == 2) {
    const auto& [f0, f1] = object;
    return Fields<decltype(f0), decltype(f1)>{{f0, f1}};
  } else if constexpr (kCount == 3) {
    const auto& [f0, f1, f2] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2)>{{f0, f1, f2}};
  } else if constexpr (kCount == 4) {
    const auto& [f0, f1, f2, f3] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3)>{{f0, f1, f2, f3}};
  } else if constexpr (kCount == 5) {
    const auto& [f0, f1, f2, f3, f4] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4)>{
        {f0, f1, f2, f3, f4}};
  } else if constexpr (kCount == 6) {
    const auto& [f0, f1, f2, f3, f4, f5] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5)>{{f0, f1, f2, f3, f4, f5}};
  } else if constexpr (kCount == 7) {
    const auto& [f0, f1, f2, f3, f4, f5, f6] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6)>{{f0, f1, f2, f3, f4, f5, f6}};
  } else if constexpr (kCount == 8) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7)>{{f0, f1, f2, f3, f4, f5, f6, f7}};
  } else if constexpr (kCount == 9) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8)>{
        {f0, f1, f2, f3, f4, f5, f6, f7, f8}};
  } else if constexpr (kCount == 10) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9)>{
        {f0, f1, f2, f3, f4, f5, f6, f7, f8, f9}};
  } else if constexpr (kCount == 11) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10)>{{f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10}};
  } else if constexpr (kCount == 12) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11)>{{f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11}};
  } else if constexpr (kCount == 13) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12)>{
        {f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12}};
  } else if constexpr (kCount == 14) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13)>{
        {f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13}};
  } else if constexpr (kCount == 15) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13), decltype(f14)>{
        {f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14}};
  } else if constexpr (kCount == 16) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13), decltype(f14),
                  decltype(f15)>{
        {f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15}};
  } else if constexpr (kCount == 17) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16] =
        object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13), decltype(f14),
                  decltype(f15), decltype(f16)>{
        {f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16}};
  } else if constexpr (kCount == 18) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17] =
        object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13), decltype(f14),
                  decltype(f15), decltype(f16), decltype(f17)>{
        {f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17}};
  } else if constexpr (kCount == 19) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13), decltype(f14),
                  decltype(f15), decltype(f16), decltype(f17), decltype(f18)>{
        {f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18}};
  } else if constexpr (kCount == 20) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13), decltype(f14),
                  decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19)>{
        {f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19}};
  } else if constexpr (kCount == 21) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19, f20] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13), decltype(f14),
                  decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20)>{{f0,  f1,  f2,  f3,  f4,  f5,  f6,  f7,  f8,  f9, f10,
                                  f11, f12, f13, f14, f15, f16, f17, f18, f19, f20}};
  } else if constexpr (kCount == 22) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19, f20, f21] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13), decltype(f14),
                  decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21)>{{f0,  f1,  f2,  f3,  f4,  f5,  f6,  f7,
                                                 f8,  f9,  f10, f11, f12, f13, f14, f15,
                                                 f16, f17, f18, f19, f20, f21}};
  } else if constexpr (kCount == 23) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19, f20, f21, f22] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13), decltype(f14),
                  decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22)>{
        {f0,  f1,  f2,  f3,  f4,  f5,  f6,  f7,  f8,  f9,  f10, f11,
         f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22}};
  } else if constexpr (kCount == 24) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19, f20, f21, f22, f23] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13), decltype(f14),
                  decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23)>{
        {f0,  f1,  f2,  f3,  f4,  f5,  f6,  f7,  f8,  f9,  f10, f11,
         f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23}};
  } else if constexpr (kCount == 25) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19, f20, f21, f22, f23, f24] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13), decltype(f14),
                  decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24)>{
        {f0,  f1,  f2,  f3,  f4,  f5,  f6,  f7,  f8,  f9,  f10, f11, f12,
         f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23, f24}};
  } else if constexpr (kCount == 26) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19, f20, f21, f22, f23, f24, f25] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13), decltype(f14),
                  decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24),
                  decltype(f25)>{{f0,  f1,  f2,  f3,  f4,  f5,  f6,  f7,  f8,  f9,  f10, f11, f12,
                                  f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23, f24, f25}};
  } else if constexpr (kCount == 27) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19, f20, f21, f22, f23, f24, f25, f26] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13), decltype(f14),
                  decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24),
                  decltype(f25), decltype(f26)>{{f0,  f1,  f2,  f3,  f4,  f5,  f6,  f7,  f8,
                                                 f9,  f10, f11, f12, f13, f14, f15, f16, f17,
                                                 f18, f19, f20, f21, f22, f23, f24, f25, f26}};
  } else if constexpr (kCount == 28) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19, f20, f21, f22, f23, f24, f25, f26, f27] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13), decltype(f14),
                  decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24),
                  decltype(f25), decltype(f26), decltype(f27)>{
        {f0,  f1,  f2,  f3,  f4,  f5,  f6,  f7,  f8,  f9,  f10, f11, f12, f13,
         f14, f15, f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27}};
  } else if constexpr (kCount == 29) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13), decltype(f14),
                  decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24),
                  decltype(f25), decltype(f26), decltype(f27), decltype(f28)>{
        {f0,  f1,  f2,  f3,  f4,  f5,  f6,  f7,  f8,  f9,  f10, f11, f12, f13, f14,
         f15, f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28}};
  } else if constexpr (kCount == 30) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13), decltype(f14),
                  decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24),
                  decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29)>{
        {f0,  f1,  f2,  f3,  f4,  f5,  f6,  f7,  f8,  f9,  f10, f11, f12, f13, f14,
         f15, f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29}};
  } else if constexpr (kCount == 31) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13), decltype(f14),
                  decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24),
                  decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                  decltype(f30)>{{f0,  f1,  f2,  f3,  f4,  f5,  f6,  f7,  f8,  f9,  f10,
                                  f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                                  f22, f23, f24, f25, f26, f27, f28, f29, f30}};
  } else if constexpr (kCount == 32) {
    const auto& [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31] = object;
    return Fields<decltype(f0), decltype(f1), decltype(f2), decltype(f3), decltype(f4),
                  decltype(f5), decltype(f6), decltype(f7), decltype(f8), decltype(f9),
                  decltype(f10), decltype(f11), decltype(f12), decltype(f13), decltype(f14),
                  decltype(f15), decltype(f16), decltype(f17), decltype(f18), decltype(f19),
                  decltype(f20), decltype(f21), decltype(f22), decltype(f23), decltype(f24),
                  decltype(f25), decltype(f26), decltype(f27), decltype(f28), decltype(f29),
                  decltype(f30), decltype(f31)>{
        {f0,  f1,  f2,  f3,  f4,  f5,  f6,  f7,  f8,  f9,  f10, f11, f12, f13, f14, f15,
         f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31}};
  }
}

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_FIELDS_H_
