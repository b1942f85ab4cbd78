#include "tests/interleave/scheduler.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <utility>

namespace elegy::interleave {

namespace {

// A run that does not end.
constexpr std::size_t kMostSteps = 200'000;
// Of a failed run so many stretches, each of one thread, are printed.
constexpr std::size_t kMostPrinted = 80;
constexpr std::uint64_t kTickNs = 1000;

struct Step {
  int thread;
  const char* what;
  const void* code;
};

class Semaphore {
 public:
  Semaphore() { sem_init(&semaphore_, 0, 0); }
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  ~Semaphore() { sem_destroy(&semaphore_); }

  void Post() { sem_post(&semaphore_); }
  void Wait() {
    while (sem_wait(&semaphore_) != 0 && errno == EINTR) {
    }
  }

 private:
  sem_t semaphore_;
};

struct Thread {
  enum class State { kRunnable, kYielding, kWaiting, kEnded };

  explicit Thread(int thread_id) : id(thread_id) {}

  const int id;
  Semaphore turn;
  State state = State::kRunnable;
  const void* waits_on = nullptr;
  std::uint64_t end_ns = kNever;
  bool woken = false;
  Step next = {0, "start", nullptr};
  bool in_scheduler = false;
  bool in_step = true;         // the next operation belongs to the step that has begun
  bool plain_is_step = false;  // the next plain access begins a step
  const char* stack_top = nullptr;
};

struct Scheduler {
  Scheduler(Strategy& chosen, bool plain) : strategy(chosen), plain_steps(plain) {}

  Strategy& strategy;
  const bool plain_steps;
  bool exploring = false;
  std::deque<Thread> threads;
  std::uint64_t now_ns = 0;
  std::vector<std::pair<std::uintptr_t, std::uintptr_t>> ignored;
  std::vector<Step> trace;
  std::size_t explored_steps = 0;
  std::vector<int> options;  // kept for its memory
  Run result;
  Semaphore over;
};

// The run that there is: left behind, with its threads, if it has failed.
Scheduler* g_scheduler = nullptr;

thread_local Thread* t_thread = nullptr;

// Calls of instrumented code by the scheduler itself are no points.
class InScheduler {
 public:
  explicit InScheduler(Thread& thread) : thread_(thread) { thread.in_scheduler = true; }
  InScheduler(const InScheduler&) = delete;
  InScheduler& operator=(const InScheduler&) = delete;
  ~InScheduler() { thread_.in_scheduler = false; }

 private:
  Thread& thread_;
};

bool IsActive() { return t_thread != nullptr && !t_thread->in_scheduler; }

std::string NameOf(const void* code) {
  Dl_info info = {};
  if (code == nullptr || dladdr(code, &info) == 0) return "";
  char text[32];
  if (info.dli_sname == nullptr) {
    std::snprintf(text, sizeof(text), "+0x%zx",
                  static_cast<std::size_t>(static_cast<const char*>(code) -
                                           static_cast<const char*>(info.dli_fbase)));
    return text;
  }
  int status = 0;
  char* const plain = abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status);
  std::string name = plain == nullptr ? info.dli_sname : plain;
  std::free(plain);
  return name.substr(0, name.find('('));
}

std::string Describe(const Step& step) {
  const std::string name = NameOf(step.code);
  return std::string(step.what) + (name.empty() ? "" : " in " + name);
}

// Stretches of one thread's steps, one a line.
std::string Describe(const std::vector<Step>& trace) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < trace.size();) {
    std::size_t end = i + 1;
    while (end < trace.size() && trace[end].thread == trace[i].thread) end++;
    std::string line = "  thread " + std::to_string(trace[i].thread) + ": " + Describe(trace[i]);
    if (end - i > 1) {
      line += " ... " + Describe(trace[end - 1]) + " (" + std::to_string(end - i) + " steps)";
    }
    lines.push_back(std::move(line));
    i = end;
  }
  std::string text;
  const std::size_t first = lines.size() > kMostPrinted ? lines.size() - kMostPrinted : 0;
  if (first > 0) text = "  (" + std::to_string(first) + " stretches before)\n";
  for (std::size_t i = first; i < lines.size(); i++) text += lines[i] + "\n";
  return text;
}

std::string DescribeThreads(const Scheduler& scheduler) {
  std::string text;
  for (const Thread& thread : scheduler.threads) {
    if (thread.state == Thread::State::kEnded) continue;
    text += "  thread " + std::to_string(thread.id) +
            (thread.state == Thread::State::kWaiting ? " waits at: " : " is at: ") +
            Describe(thread.next) + "\n";
  }
  return text;
}

[[noreturn]] void SleepForever(Thread& self) {
  while (true) self.turn.Wait();
}

void Report(Scheduler& scheduler, const std::string& why) {
  scheduler.result.failed = true;
  scheduler.result.failure = why + "\nThe threads:\n" + DescribeThreads(scheduler) +
                             "The schedule:\n" + Describe(scheduler.trace);
}

[[noreturn]] void Fail(Thread& self, const std::string& why) {
  Report(*g_scheduler, why);
  g_scheduler->over.Post();
  SleepForever(self);
}

// Those that can go on, the calling thread first.
void FindOptions(Scheduler& scheduler, const Thread& self, Thread::State state) {
  scheduler.options.clear();
  if (self.state == state) scheduler.options.push_back(self.id);
  for (const Thread& thread : scheduler.threads) {
    if (&thread != &self && thread.state == state) scheduler.options.push_back(thread.id);
  }
}

// All wait: time passes until the first of the ends. False if there is none.
bool PassTime(Scheduler& scheduler) {
  Thread* first = nullptr;
  for (Thread& thread : scheduler.threads) {
    if (thread.state != Thread::State::kWaiting || thread.end_ns == kNever) continue;
    if (first == nullptr || thread.end_ns < first->end_ns) first = &thread;
  }
  if (first == nullptr) return false;
  scheduler.now_ns = std::max(scheduler.now_ns, first->end_ns);
  first->state = Thread::State::kRunnable;
  return true;
}

std::size_t Choose(Scheduler& scheduler, bool first_runs) {
  if (scheduler.options.size() == 1 || !scheduler.exploring) return 0;
  return scheduler.strategy.Choose(scheduler.options, first_runs);
}

// Chooses who goes on, and returns when it is the calling thread's turn again; at once if it has
// ended.
void Reschedule(Thread& self) {
  Scheduler& scheduler = *g_scheduler;
  FindOptions(scheduler, self, Thread::State::kRunnable);
  if (scheduler.options.empty()) {
    FindOptions(scheduler, self, Thread::State::kYielding);
    if (scheduler.options.empty()) {
      if (!PassTime(scheduler)) {
        if (self.state != Thread::State::kEnded) Fail(self, "deadlock: all threads wait");
        if (DescribeThreads(scheduler).empty()) {
          scheduler.over.Post();
          return;
        }
        Report(scheduler, "deadlock: all threads wait");
        scheduler.over.Post();
        return;
      }
      FindOptions(scheduler, self, Thread::State::kRunnable);
    }
  }
  const std::size_t chosen = Choose(scheduler, self.state == Thread::State::kRunnable);
  Thread& next = scheduler.threads[static_cast<std::size_t>(scheduler.options[chosen])];
  next.state = Thread::State::kRunnable;
  if (&next == &self) return;
  const bool ended = self.state == Thread::State::kEnded;
  next.turn.Post();
  if (!ended) self.turn.Wait();
}

void PointOf(Thread& self, const char* what, const void* code) {
  Scheduler& scheduler = *g_scheduler;
  self.next = {self.id, what, code};
  if (!std::exchange(self.in_step, false)) Reschedule(self);
  if (!scheduler.exploring) return;
  scheduler.trace.push_back(self.next);
  if (++scheduler.explored_steps > kMostSteps) Fail(self, "the run does not end");
}

// True if another thread has woken this one, false if it has become that late.
bool WaitFor(Thread& self, const void* what, std::uint64_t end_ns) {
  self.state = Thread::State::kWaiting;
  self.waits_on = what;
  self.end_ns = end_ns;
  self.woken = false;
  Reschedule(self);
  self.waits_on = nullptr;
  return self.woken;
}

void Wake(Thread& thread) {
  thread.woken = true;
  thread.waits_on = nullptr;
  thread.state = Thread::State::kRunnable;
}

void WakeAll(const void* what) {
  for (Thread& thread : g_scheduler->threads) {
    if (thread.state == Thread::State::kWaiting && thread.waits_on == what) Wake(thread);
  }
}

void LockHeld(Thread& self, bool& held) {
  while (held) WaitFor(self, &held, kNever);
  held = true;
}

void UnlockHeld(bool& held) {
  held = false;
  WakeAll(&held);
}

// The library's checks and crashes end the process: what led there is printed first.
void PrintSchedule(int signal) {
  std::signal(signal, SIG_DFL);
  if (t_thread != nullptr && g_scheduler != nullptr) {
    t_thread->in_scheduler = true;
    std::fprintf(stderr, "interleave: ended by signal %d\nThe threads:\n%sThe schedule:\n%s",
                 signal, DescribeThreads(*g_scheduler).c_str(),
                 Describe(g_scheduler->trace).c_str());
  }
  std::raise(signal);
}

}  // namespace

bool IsScheduled() { return t_thread != nullptr; }

void Point(const char* what, const void* address, const void* code) {
  if (!IsActive()) return;
  Thread& self = *t_thread;
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  for (const auto& [begin, end] : g_scheduler->ignored) {
    if (at >= begin && at < end) return;
  }
  InScheduler in(self);
  PointOf(self, what, code);
  self.plain_is_step = g_scheduler->plain_steps;
}

void PlainAccess(const void* address, const void* code) {
  if (!IsActive() || !t_thread->plain_is_step) return;
  Thread& self = *t_thread;
  const auto* const place = static_cast<const char*>(address);
  if (place >= static_cast<const char*>(__builtin_frame_address(0)) && place < self.stack_top) {
    return;
  }
  InScheduler in(self);
  self.plain_is_step = false;
  PointOf(self, "plain access", code);
}

void Lock(bool& held) {
  Point("lock", &held, __builtin_return_address(0));
  if (!IsActive()) {
    held = true;
    return;
  }
  InScheduler in(*t_thread);
  LockHeld(*t_thread, held);
}

bool TryLock(bool& held) {
  Point("try to lock", &held, __builtin_return_address(0));
  return !std::exchange(held, true);
}

void Unlock(bool& held) {
  Point("unlock", &held, __builtin_return_address(0));
  if (!IsActive()) {
    held = false;
    return;
  }
  InScheduler in(*t_thread);
  UnlockHeld(held);
}

bool WaitOn(const void* condition, bool& held, std::uint64_t end_ns) {
  Point("wait", condition, __builtin_return_address(0));
  InScheduler in(*t_thread);
  UnlockHeld(held);
  const bool woken = WaitFor(*t_thread, condition, end_ns);
  LockHeld(*t_thread, held);
  return woken;
}

void NotifyOne(const void* condition) {
  Point("notify one", condition, __builtin_return_address(0));
  if (!IsActive()) return;
  InScheduler in(*t_thread);
  Scheduler& scheduler = *g_scheduler;
  scheduler.options.clear();
  for (const Thread& thread : scheduler.threads) {
    if (thread.state == Thread::State::kWaiting && thread.waits_on == condition) {
      scheduler.options.push_back(thread.id);
    }
  }
  if (scheduler.options.empty()) return;
  const std::size_t chosen = Choose(scheduler, /*first_runs=*/false);
  Wake(scheduler.threads[static_cast<std::size_t>(scheduler.options[chosen])]);
}

void NotifyAll(const void* condition) {
  Point("notify all", condition, __builtin_return_address(0));
  if (!IsActive()) return;
  InScheduler in(*t_thread);
  WakeAll(condition);
}

void SleepWhile(const std::uint32_t* word, std::uint32_t expected, std::uint64_t most_ns) {
  Point("sleep", word, __builtin_return_address(0));
  InScheduler in(*t_thread);
  if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != expected) return;
  WaitFor(*t_thread, word, most_ns == kNever ? kNever : g_scheduler->now_ns + most_ns);
}

void WakeSleepers(const std::uint32_t* word) {
  Point("wake", word, __builtin_return_address(0));
  InScheduler in(*t_thread);
  WakeAll(word);
}

std::uint64_t NowNs() { return g_scheduler->now_ns += kTickNs; }

void* NewThread() {
  InScheduler in(*t_thread);
  std::deque<Thread>& threads = g_scheduler->threads;
  return &threads.emplace_back(static_cast<int>(threads.size()));
}

void Enter(void* thread) {
  t_thread = static_cast<Thread*>(thread);
  t_thread->stack_top = static_cast<const char*>(__builtin_frame_address(0));
  t_thread->turn.Wait();
}

void Leave() {
  Thread& self = *std::exchange(t_thread, nullptr);
  self.state = Thread::State::kEnded;
  WakeAll(&self);
  Reschedule(self);
}

void Join(void* thread) {
  InScheduler in(*t_thread);
  while (static_cast<Thread*>(thread)->state != Thread::State::kEnded) {
    t_thread->next = {t_thread->id, "join", nullptr};
    WaitFor(*t_thread, thread, kNever);
  }
}

void ContinueStep() { t_thread->in_step = true; }

void SetExploring(bool exploring) { g_scheduler->exploring = exploring; }

void Ignore(const void* begin, std::size_t bytes) {
  InScheduler in(*t_thread);
  const auto first = reinterpret_cast<std::uintptr_t>(begin);
  g_scheduler->ignored.emplace_back(first, first + bytes);
}

void Settle() {
  InScheduler in(*t_thread);
  t_thread->state = Thread::State::kYielding;
  Reschedule(*t_thread);
}

void StopRun(const std::string& why) {
  t_thread->in_scheduler = true;
  Fail(*t_thread, why);
}

Run RunOnce(const std::function<void()>& body, Strategy& strategy, bool plain_steps) {
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS}) std::signal(signal, PrintSchedule);
  auto scheduler = std::make_unique<Scheduler>(strategy, plain_steps);
  g_scheduler = scheduler.get();
  struct First {
    Thread* thread;
    const std::function<void()>* body;
  } first = {&scheduler->threads.emplace_back(0), &body};
  pthread_t handle;
  const int error = pthread_create(
      &handle, nullptr,
      [](void* argument) -> void* {
        const First& given = *static_cast<First*>(argument);
        Enter(given.thread);
        (*given.body)();
        Leave();
        return nullptr;
      },
      &first);
  if (error != 0) std::abort();
  first.thread->turn.Post();
  scheduler->over.Wait();
  Run run = std::move(scheduler->result);
  run.steps = scheduler->explored_steps;
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS}) std::signal(signal, SIG_DFL);
  if (run.failed) {
    // The threads that are left sleep in it.
    static std::vector<std::unique_ptr<Scheduler>> failed;
    failed.push_back(std::move(scheduler));
    pthread_detach(handle);
  } else {
    pthread_join(handle, nullptr);
  }
  return run;
}

}  // namespace elegy::interleave
