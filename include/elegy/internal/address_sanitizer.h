// Dead objects as AddressSanitizer sees them: memory that must not be used.
//
// A cell is poisoned when its object has been destroyed, by its sweeper, and usable again when the
// next object is made in it; so what a program has kept by a pointer that no one traces is reported
// when it is used, as long as no other object has the cell. Cells are whole granules of
// AddressSanitizer's, which can therefore be changed beside each other.
//
// A program and a library that were not both built with it: a library without it poisons nothing;
// one with it only cells of types that were described by code that makes them usable again
// (TypeDescription).

#ifndef ELEGY_INTERNAL_ADDRESS_SANITIZER_H_
#define ELEGY_INTERNAL_ADDRESS_SANITIZER_H_

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define ELEGY_HAS_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ELEGY_HAS_ADDRESS_SANITIZER
#endif
#endif

#ifdef ELEGY_HAS_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace elegy::internal {

#ifdef ELEGY_HAS_ADDRESS_SANITIZER
inline constexpr bool kHasAddressSanitizer = true;
[[gnu::always_inline]] inline void SetUnusable(void* memory, std::size_t bytes) {
  __asan_poison_memory_region(memory, bytes);
}
[[gnu::always_inline]] inline void SetUsable(void* memory, std::size_t bytes) {
  __asan_unpoison_memory_region(memory, bytes);
}
#undef ELEGY_HAS_ADDRESS_SANITIZER
#else
inline constexpr bool kHasAddressSanitizer = false;
[[gnu::always_inline]] inline void SetUnusable(void*, std::size_t) {}
[[gnu::always_inline]] inline void SetUsable(void*, std::size_t) {}
#endif

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_ADDRESS_SANITIZER_H_
