// What the collector knows of a managed type. One TypeInfo for each type, for the process's life.

#ifndef ELEGY_INTERNAL_TYPE_INFO_H_
#define ELEGY_INTERNAL_TYPE_INFO_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "elegy/internal/address_sanitizer.h"

namespace elegy {

struct Visitor;

namespace internal {

// What is known at compile time.
struct TypeDescription {
  using TraceFunction = void (*)(const void* object, Visitor& visitor);
  using DestroyFunction = void (*)(void* object);
  using ElementsFunction = std::size_t (*)(const void* object, std::size_t begin, std::size_t end,
                                           Visitor& visitor);

  std::string_view name;
  // Visits every slot and weak cell of an object; null for a type without any.
  TraceFunction trace = nullptr;
  // Runs an object's destructor; null where it is trivial.
  DestroyFunction destroy = nullptr;
  // For arrays of slots: visits the elements [begin, end) and returns the array's length.
  ElementsFunction trace_elements = nullptr;
  // The object's size; for an array type the size of its header.
  std::size_t size = 0;
  // The object has a table outside the heap, so that tracing it may take long.
  bool is_container = false;
  // The code that makes the type's objects has AddressSanitizer, and makes dead ones' cells usable.
  bool unpoisons = kHasAddressSanitizer;
};

struct TypeInfo : TypeDescription {
  constexpr explicit TypeInfo(const TypeDescription& description) : TypeDescription(description) {}

  // Which space objects of this type live in (src/heap/shape.h); 0 until the first is made.
  mutable std::atomic<std::uint32_t> space{0};
  // How many of the next objects are checked for slots that their trace function forgets.
  mutable std::atomic<int> checks_left{4};

  // Relaxed: who has cells under that number in its own tables has been told of it before.
  std::uint32_t Space() const { return space.load(std::memory_order_relaxed); }
};

template <class T>
constexpr std::string_view NameOf() {
#if defined(__clang__)
  constexpr std::string_view text = __PRETTY_FUNCTION__;
  constexpr std::size_t begin = text.find("T = ") + 4;
  return text.substr(begin, text.size() - 1 - begin);
#else
  constexpr std::string_view text = __PRETTY_FUNCTION__;
  constexpr std::size_t begin = text.find("T = ") + 4;
  constexpr std::size_t end = text.find(';', begin);
  return text.substr(begin, end - begin);
#endif
}

}  // namespace internal
}  // namespace elegy

#endif  // ELEGY_INTERNAL_TYPE_INFO_H_
