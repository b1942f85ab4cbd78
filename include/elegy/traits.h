// What a managed type says about its slots.

#ifndef ELEGY_TRAITS_H_
#define ELEGY_TRAITS_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace elegy {

// True for a type that contains no slots and no weak cells, so that the collector never looks into
// it. A program says so for its own types, right after their definition, at global namespace scope:
//
//   template <> inline constexpr bool elegy::kHasNoSlots<Pixels> = true;
//
// A class that cannot be named there, a private or a local one, says the same by an empty
// `void Trace(elegy::Visitor&) const {}`.
//
// A std::unique_ptr's deleter that has fields of its own needs it said, too. Saying so of a type
// that does contain slots lets its targets be collected while in use.
template <class T>
inline constexpr bool kHasNoSlots = std::is_arithmetic_v<T> || std::is_enum_v<T> ||
                                    std::is_null_pointer_v<T> || std::is_member_pointer_v<T>;

template <class T>
inline constexpr bool kHasNoSlots<const T> = kHasNoSlots<T>;
template <class T>
inline constexpr bool kHasNoSlots<std::atomic<T>> = kHasNoSlots<T>;

// Pointers to class types are nearly always a forgotten Member; a program may allow one by name.
template <class T>
inline constexpr bool kHasNoSlots<T*> = !std::is_class_v<T> && !std::is_union_v<T>;

template <class C, class R, class A>
inline constexpr bool kHasNoSlots<std::basic_string<C, R, A>> = true;
template <class C, class R>
inline constexpr bool kHasNoSlots<std::basic_string_view<C, R>> = true;
template <class T, class D>
inline constexpr bool kHasNoSlots<std::unique_ptr<T, D>> =
    kHasNoSlots<std::remove_extent_t<T>> &&
    (std::is_empty_v<D> || std::is_pointer_v<D> || std::is_reference_v<D> || kHasNoSlots<D>);
template <class T>
inline constexpr bool kHasNoSlots<std::shared_ptr<T>> = kHasNoSlots<std::remove_extent_t<T>>;
template <class T>
inline constexpr bool kHasNoSlots<std::weak_ptr<T>> = kHasNoSlots<std::remove_extent_t<T>>;
template <class T, class A>
inline constexpr bool kHasNoSlots<std::vector<T, A>> = kHasNoSlots<T>;
template <class T, class A>
inline constexpr bool kHasNoSlots<std::deque<T, A>> = kHasNoSlots<T>;
template <class T, class A>
inline constexpr bool kHasNoSlots<std::list<T, A>> = kHasNoSlots<T>;
template <class K, class C, class A>
inline constexpr bool kHasNoSlots<std::set<K, C, A>> = kHasNoSlots<K>;
template <class K, class V, class C, class A>
inline constexpr bool kHasNoSlots<std::map<K, V, C, A>> = kHasNoSlots<K>&& kHasNoSlots<V>;
template <class K, class H, class E, class A>
inline constexpr bool kHasNoSlots<std::unordered_set<K, H, E, A>> = kHasNoSlots<K>;
template <class K, class V, class H, class E, class A>
inline constexpr bool kHasNoSlots<std::unordered_map<K, V, H, E, A>> =
    kHasNoSlots<K>&& kHasNoSlots<V>;
template <class... T>
inline constexpr bool kHasNoSlots<std::variant<T...>> = (kHasNoSlots<T> && ...);
template <>
inline constexpr bool kHasNoSlots<std::monostate> = true;
template <class R, class P>
inline constexpr bool kHasNoSlots<std::chrono::duration<R, P>> = true;
template <class C, class D>
inline constexpr bool kHasNoSlots<std::chrono::time_point<C, D>> = true;
template <>
inline constexpr bool kHasNoSlots<std::mutex> = true;
template <class T, std::size_t N>
inline constexpr bool kHasNoSlots<std::array<T, N>> = kHasNoSlots<T>;
template <class T>
inline constexpr bool kHasNoSlots<std::optional<T>> = kHasNoSlots<T>;
template <class T, class U>
inline constexpr bool kHasNoSlots<std::pair<T, U>> = kHasNoSlots<T>&& kHasNoSlots<U>;
template <class... T>
inline constexpr bool kHasNoSlots<std::tuple<T...>> = (kHasNoSlots<T> && ...);

}  // namespace elegy

#endif  // ELEGY_TRAITS_H_
