#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <climits>
#include <ctime>
#include <fstream>
#include <new>
#include <string>

#include "src/platform/platform.h"

// The C library's: where the main thread's stack was when the program began.
extern "C" [[gnu::weak]] void* __libc_stack_end;  // NOLINT(bugprone-reserved-identifier)

namespace elegy::internal::platform {

void* Reserve(std::size_t bytes, std::size_t alignment) {
  const std::size_t padded = bytes + alignment;
  void* const mapping =
      mmap(nullptr, padded, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  const auto begin = reinterpret_cast<std::uintptr_t>(mapping);
  const std::uintptr_t aligned = (begin + alignment - 1) / alignment * alignment;
  if (aligned > begin) munmap(mapping, aligned - begin);
  const std::uintptr_t end = begin + padded;
  if (end > aligned + bytes) {
    munmap(reinterpret_cast<void*>(aligned + bytes), end - aligned - bytes);
  }
  return reinterpret_cast<void*>(aligned);
}

void Release(void* address, std::size_t bytes) { munmap(address, bytes); }

bool Commit(void* address, std::size_t bytes) {
  return mprotect(address, bytes, PROT_READ | PROT_WRITE) == 0;
}

bool Discard(void* address, std::size_t bytes) {
  return madvise(address, bytes, MADV_DONTNEED) == 0;
}

void PreferHugePages(void* address, std::size_t bytes) { madvise(address, bytes, MADV_HUGEPAGE); }

namespace {

std::uint64_t ReadClock(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

CgroupLimits OwnCgroupLimits() { return ReadCgroupLimits("/proc/self/cgroup", "/sys/fs/cgroup"); }

}  // namespace

std::size_t PageBytes() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

std::size_t MemoryLimit() {
  struct sysinfo info = {};
  sysinfo(&info);
  const std::size_t machine = static_cast<std::size_t>(info.totalram) * info.mem_unit;
  return std::min(machine, OwnCgroupLimits().memory_bytes);
}

int Cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (sched_getaffinity(0, sizeof(cores), &cores) != 0) return 1;
  return std::min(std::max(1, CPU_COUNT(&cores)), OwnCgroupLimits().cores);
}

void CoreSet::AddThoseOfThisThread() {
  std::array<std::uint64_t, kWords> added = {};
  auto* const cores = reinterpret_cast<cpu_set_t*>(added.data());
  if (sched_getaffinity(0, sizeof(added), cores) != 0) added.fill(UINT64_MAX);
  for (std::size_t i = 0; i < kWords; i++) cores_[i] |= added[i];
}

int CoreSet::Count() const {
  int count = 0;
  for (const std::uint64_t word : cores_) count += std::popcount(word);
  return count;
}

std::uint64_t NowNs() { return ReadClock(CLOCK_MONOTONIC); }

std::uint64_t ThreadTimeNs() { return ReadClock(CLOCK_THREAD_CPUTIME_ID); }

void Wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, std::uint64_t most_ns) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  const timespec most = {static_cast<time_t>(most_ns / kSecond),
                         static_cast<long>(most_ns % kSecond)};
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, most_ns == UINT64_MAX ? nullptr : &most,
          nullptr, 0);
}

void Wake(const std::atomic<std::uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

int ProcessId() { return getpid(); }

void YieldThread() { sched_yield(); }

void NameThread(const char* name) { pthread_setname_np(pthread_self(), name); }

std::uint32_t ThreadId() { return static_cast<std::uint32_t>(syscall(SYS_gettid)); }

std::string ThreadName(std::uint32_t id) {
  std::ifstream file("/proc/self/task/" + std::to_string(id) + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

namespace {

// The main thread's stack, whose bounds the C library reads from a file, which it may be unable to
// open. That it has begun by calling the program is all that is known of its base.
StackBounds StackOfMainThread() {
  constexpr rlim_t kUnlimited = rlim_t{1} << 30;
  rlimit limit;
  getrlimit(RLIMIT_STACK, &limit);
  return {static_cast<char*>(__libc_stack_end) - std::min(limit.rlim_cur, kUnlimited),
          __libc_stack_end};
}

}  // namespace

StackBounds StackOfThread() {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
    const bool is_main = ThreadId() == static_cast<std::uint32_t>(getpid());
    if (is_main && &__libc_stack_end != nullptr) return StackOfMainThread();
    throw std::bad_alloc();
  }
  void* lowest = nullptr;
  std::size_t bytes = 0;
  pthread_attr_getstack(&attributes, &lowest, &bytes);
  pthread_attr_destroy(&attributes);
  return {lowest, static_cast<char*>(lowest) + bytes};
}

}  // namespace elegy::internal::platform

#if defined(__x86_64__)
asm(R"(
    .text
    .globl elegy_save_registers
    .type elegy_save_registers, @function
elegy_save_registers:
    .cfi_startproc
    movq %rbx, 0(%rdi)
    movq %rbp, 8(%rdi)
    movq %r12, 16(%rdi)
    movq %r13, 24(%rdi)
    movq %r14, 32(%rdi)
    movq %r15, 40(%rdi)
    ret
    .cfi_endproc
    .size elegy_save_registers, .-elegy_save_registers
)");
#elif defined(__aarch64__)
asm(R"(
    .text
    .globl elegy_save_registers
    .hidden elegy_save_registers
    .type elegy_save_registers, %function
elegy_save_registers:
    .cfi_startproc
    hint 34
    stp x19, x20, [x0, 0]
    stp x21, x22, [x0, 16]
    stp x23, x24, [x0, 32]
    stp x25, x26, [x0, 48]
    stp x27, x28, [x0, 64]
    str x29, [x0, 80]
    stp d8, d9, [x0, 88]
    stp d10, d11, [x0, 104]
    stp d12, d13, [x0, 120]
    stp d14, d15, [x0, 136]
    ret
    .cfi_endproc
    .size elegy_save_registers, .-elegy_save_registers
)");
#else
#error "elegy: elegy_save_registers is not written for this processor yet"
#endif
