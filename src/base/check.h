// Failing loudly: checks that are always on, and checks for builds with assertions; and what to do
// without memory.

#ifndef ELEGY_SRC_BASE_CHECK_H_
#define ELEGY_SRC_BASE_CHECK_H_

#include <new>
#include <string_view>
#include <utility>

namespace elegy::internal {

// Prints "elegy: <message>" to standard error and aborts.
[[noreturn]] void Fail(std::string_view message);
[[noreturn]] void FailCheck(const char* condition, const char* file, int line);
[[noreturn]] void FailForMemory();

// Calls f, a part of the collector's own work: left undone for want of memory it would lose objects
// or hold up every later cycle, so that is fatal, with a message.
template <class F>
void NeedsMemory(F&& f) noexcept {
  try {
    std::forward<F>(f)();
  } catch (const std::bad_alloc&) {
    FailForMemory();
  }
}

}  // namespace elegy::internal

// A condition of the library's own that has to hold in every build.
#define ELEGY_CHECK(condition)                                      \
  do {                                                              \
    if (!(condition)) [[unlikely]]                                  \
      ::elegy::internal::FailCheck(#condition, __FILE__, __LINE__); \
  } while (false)

// The same, in builds with assertions.
#ifdef NDEBUG
#define ELEGY_DCHECK(condition) \
  do {                          \
  } while (false && (condition))
#else
#define ELEGY_DCHECK(condition) ELEGY_CHECK(condition)
#endif

#endif  // ELEGY_SRC_BASE_CHECK_H_
