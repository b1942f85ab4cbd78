// The system's functions, as threads of a scenario meet them: defined here, they take the place of
// the C library's for the whole process; all other threads get those.

#include <dlfcn.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdarg>
#include <map>

#include "tests/interleave/scheduler.h"

namespace elegy::interleave {

namespace {

template <class F>
F* Real(F*, const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

struct Start {
  void* thread;
  void* (*routine)(void*);
  void* argument;
};

void* RunThread(void* start) {
  const Start given = *static_cast<Start*>(start);
  delete static_cast<Start*>(start);
  Enter(given.thread);
  void* const result = given.routine(given.argument);
  Leave();
  return result;
}

// By the thread that runs.
std::map<pthread_t, void*>& Handles() {
  static std::map<pthread_t, void*> handles;
  return handles;
}

constexpr std::uint64_t kSecond = 1'000'000'000;

std::uint64_t ToNs(const timespec* time) {
  if (time == nullptr) return kNever;
  return static_cast<std::uint64_t>(time->tv_sec) * kSecond +
         static_cast<std::uint64_t>(time->tv_nsec);
}

}  // namespace

}  // namespace elegy::interleave

using namespace elegy::interleave;  // NOLINT: the functions below are the C library's

extern "C" {

int pthread_create(pthread_t* handle, const pthread_attr_t* attributes, void* (*routine)(void*),
                   void* argument) noexcept {
  static auto* const real = Real(&pthread_create, "pthread_create");
  if (!IsScheduled()) return real(handle, attributes, routine, argument);
  void* const thread = NewThread();
  const int error = real(handle, attributes, &RunThread, new Start{thread, routine, argument});
  if (error == 0) Handles()[*handle] = thread;
  return error;
}

int pthread_join(pthread_t handle, void** result) {
  static auto* const real = Real(&pthread_join, "pthread_join");
  if (IsScheduled()) {
    Join(Handles().at(handle));
    Handles().erase(handle);
  }
  return real(handle, result);
}

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  static auto* const real = Real(&clock_gettime, "clock_gettime");
  if (!IsScheduled()) return real(clock, time);
  const std::uint64_t now = NowNs();
  time->tv_sec = static_cast<time_t>(now / kSecond);
  time->tv_nsec = static_cast<long>(now % kSecond);
  return 0;
}

long syscall(long number, ...) noexcept {
  static auto* const real = Real(&syscall, "syscall");
  va_list list;
  va_start(list, number);
  long arguments[6];
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  if (number == SYS_futex && IsScheduled()) {
    const auto* const word = reinterpret_cast<const std::uint32_t*>(arguments[0]);
    if ((arguments[1] & FUTEX_CMD_MASK) == FUTEX_WAIT) {
      SleepWhile(word, static_cast<std::uint32_t>(arguments[2]),
                 ToNs(reinterpret_cast<const timespec*>(arguments[3])));
    } else {
      WakeSleepers(word);
    }
    return 0;
  }
  return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
              arguments[5]);
}

}  // extern "C"
