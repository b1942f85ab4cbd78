// Failing loudly: checks that are always on, and checks for builds with assertions.

#ifndef ELEGY_SRC_BASE_CHECK_H_
#define ELEGY_SRC_BASE_CHECK_H_

#include <string_view>

namespace elegy::internal {

// Prints "elegy: <message>" to standard error and aborts.
[[noreturn]] void Fail(std::string_view message);
[[noreturn]] void FailCheck(const char* condition, const char* file, int line);

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
