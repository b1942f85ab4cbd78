#include "tests/faults/faults.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

namespace elegy::test {

namespace {

struct Plan {
  bool counts = false;
  std::size_t left = 0;  // requests up to the one that fails; 0: none is to fail
  Faults::Extent extent = Faults::Extent::kOne;
  bool struck = false;
  std::size_t thread_starts_left = 0;
};

constinit thread_local Plan t_plan;

// Whether this request is to fail.
bool Strikes() {
  Plan& plan = t_plan;
  if (!plan.counts) return false;
  if (plan.struck) return plan.extent == Faults::Extent::kFromThen;
  if (plan.left == 0 || --plan.left > 0) return false;
  plan.struck = true;
  return true;
}

void* Allocate(std::size_t bytes, std::size_t alignment) {
  if (Strikes()) return nullptr;
  const std::size_t whole = std::max<std::size_t>(bytes, 1);
  if (alignment <= alignof(std::max_align_t)) return std::malloc(whole);
  return std::aligned_alloc(alignment, (whole + alignment - 1) / alignment * alignment);
}

void* AllocateOrThrow(std::size_t bytes, std::size_t alignment) {
  void* const memory = Allocate(bytes, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

Faults::Faults(std::size_t n, Extent extent) {
  t_plan.left = n;
  t_plan.extent = extent;
  t_plan.struck = false;
}

Faults::~Faults() { t_plan.left = 0; }

bool Faults::Struck() const { return t_plan.struck; }

Faults::Counting::Counting() { t_plan.counts = true; }

// Once it has struck, all requests succeed again.
Faults::Counting::~Counting() {
  t_plan.counts = false;
  if (t_plan.struck) t_plan.extent = Extent::kOne;
}

void FailThreadStart(std::size_t n) { t_plan.thread_starts_left = n; }

namespace {

bool ThreadStartStrikes() {
  Plan& plan = t_plan;
  return plan.thread_starts_left > 0 && --plan.thread_starts_left == 0;
}

}  // namespace

}  // namespace elegy::test

using elegy::test::Allocate;
using elegy::test::AllocateOrThrow;

void* operator new(std::size_t bytes) { return AllocateOrThrow(bytes, 0); }
void* operator new[](std::size_t bytes) { return AllocateOrThrow(bytes, 0); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return AllocateOrThrow(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return AllocateOrThrow(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return Allocate(bytes, 0); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return Allocate(bytes, 0);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

// NOLINTBEGIN(bugprone-reserved-identifier): the names that the linker's --wrap asks for.
extern "C" {

void* __real_mmap(void* address, std::size_t bytes, int access, int flags, int file, off_t offset);
void* __wrap_mmap(void* address, std::size_t bytes, int access, int flags, int file, off_t offset) {
  if (elegy::test::Strikes()) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  return __real_mmap(address, bytes, access, flags, file, offset);
}

int __real_mprotect(void* address, std::size_t bytes, int access);
int __wrap_mprotect(void* address, std::size_t bytes, int access) {
  if (elegy::test::Strikes()) {
    errno = ENOMEM;
    return -1;
  }
  return __real_mprotect(address, bytes, access);
}

// std::thread calls it inside the C++ library, which finds this one first.
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                   void* argument) {
  using Function = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "pthread_create"));
  if (elegy::test::ThreadStartStrikes()) return EAGAIN;
  return real(thread, attributes, start, argument);
}

}  // extern "C"
// NOLINTEND(bugprone-reserved-identifier)
