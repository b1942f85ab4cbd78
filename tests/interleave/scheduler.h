// A deterministic scheduler: of the threads of a scenario one runs at a time, and at every point at
// which they could notice each other it is chosen which one goes on.
//
// How the library comes under it, as it is. The library is compiled once more for these tests, with
// the instrumentation that compilers have for ThreadSanitizer: before every atomic operation they
// call a function (atomic_hooks.cc), which asks the scheduler. Mutexes and conditions are those of
// replaced/elegy/internal/mutex.h; starting and joining threads, futexes and the clock are taken
// over in system_hooks.cc. No source of the library knows of any of this.
//
// What is explored, and what is not. A step is one operation on an atomic variable, a mutex, a
// condition or a futex, with the plain code up to the next (a thread's first step begins with its
// first plain code); with Options::plain_steps the plain
// code after an operation is a step of its own. Steps of all threads are interleaved in one order:
// sequentially consistent executions, whatever memory order an operation names. Too weak an order
// is not found here: that is for ThreadSanitizer, the Spin models, and the arguments in the
// sources. Nor are accesses without an operation between them seen to race.
//
// Time passes only as far as threads look at the clock; a wait with an end is over once all threads
// wait. Waits do not end by themselves (spuriously). If all wait without an end, that is a
// deadlock.
//
// Who may be where. The scheduler's state belongs to the thread that runs; a thread that is not
// chosen sleeps on a semaphore of its own. Threads of the process that no scenario has started
// (gtest's) pass all hooks as if these were not there.

#ifndef ELEGY_TESTS_INTERLEAVE_SCHEDULER_H_
#define ELEGY_TESTS_INTERLEAVE_SCHEDULER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/interleave/strategy.h"

namespace elegy::interleave {

inline constexpr std::uint64_t kNever = UINT64_MAX;

// For the hooks: the calling thread is about to do something that others may notice. `what` is a
// literal, `code` the place in the program.
void Point(const char* what, const void* address, const void* code);
// A plain access is about to happen.
void PlainAccess(const void* address, const void* code);

// Mutexes, conditions and futexes. `held` is the mutex.
void Lock(bool& held);
bool TryLock(bool& held);
void Unlock(bool& held);
// False once it is that late.
bool WaitOn(const void* condition, bool& held, std::uint64_t end_ns);
void NotifyOne(const void* condition);
void NotifyAll(const void* condition);
void SleepWhile(const std::uint32_t* word, std::uint32_t expected, std::uint64_t most_ns);
void WakeSleepers(const std::uint32_t* word);

// Whether the calling thread is a scenario's.
bool IsScheduled();
std::uint64_t NowNs();

// A thread of a scenario starts another. Enter and Leave are the new thread's first and last call;
// Join returns once it has left.
void* NewThread();
void Enter(void* thread);
void Leave();
void Join(void* thread);

// For scenarios (tests/interleave/explore.h).
void SetExploring(bool exploring);
// The calling thread's next operation belongs to the step that it is in.
void ContinueStep();
// Operations on these bytes are no points: figures that nothing hangs on.
void Ignore(const void* begin, std::size_t bytes);
// Lets all other threads run until they wait or end.
void Settle();
// Ends the run, which has failed.
[[noreturn]] void StopRun(const std::string& why);

// One run of a scenario.
struct Run {
  bool failed = false;
  std::string failure;    // and the schedule that led to it
  std::size_t steps = 0;  // that were explored
};

// Runs `body` on a thread of its own, with all threads that it starts, as the strategy chooses.
// The threads of a run that has failed are left behind, asleep.
Run RunOnce(const std::function<void()>& body, Strategy& strategy, bool plain_steps);

}  // namespace elegy::interleave

#endif  // ELEGY_TESTS_INTERLEAVE_SCHEDULER_H_
