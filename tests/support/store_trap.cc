#include "tests/support/store_trap.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace elegy::test {

struct StoreTrap::State {
  std::atomic<bool> stopped{false};
  std::atomic<bool> released{false};
};

struct StoreTrapHandler {
  static inline thread_local StoreTrap::State* t_state = nullptr;

  static void Handle(int) {
    StoreTrap::State* const state = t_state;
    if (state == nullptr) {  // not ours: fault again, without a handler
      signal(SIGSEGV, SIG_DFL);
      return;
    }
    t_state = nullptr;
    state->stopped = true;
    while (!state->released) sched_yield();
  }

  static bool Install() {
    struct sigaction action = {};
    action.sa_handler = Handle;
    action.sa_flags = SA_NODEFER;
    return sigaction(SIGSEGV, &action, nullptr) == 0;
  }
};

StoreTrap::StoreTrap() : state_(new State) {
  static const bool installed = StoreTrapHandler::Install();
  if (!installed) std::abort();
}

StoreTrap::~StoreTrap() { delete state_; }

void StoreTrap::Run(const std::function<void()>& f) {
  StoreTrapHandler::t_state = state_;
  f();
  StoreTrapHandler::t_state = nullptr;
}

void StoreTrap::AwaitStopped() {
  while (!state_->stopped) sched_yield();
}

void StoreTrap::Release() { state_->released = true; }

void ProtectPage(const void* address, bool writable) {
  constexpr std::uintptr_t kPage = 4096;
  const std::uintptr_t page = reinterpret_cast<std::uintptr_t>(address) / kPage * kPage;
  if (mprotect(reinterpret_cast<void*>(page), kPage, PROT_READ | (writable ? PROT_WRITE : 0)) !=
      0) {
    std::abort();
  }
}

}  // namespace elegy::test
