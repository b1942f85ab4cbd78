// The operating system's contract. One .cc for each system implements it; nothing else in the
// library includes a system header.

#ifndef ELEGY_SRC_PLATFORM_PLATFORM_H_
#define ELEGY_SRC_PLATFORM_PLATFORM_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace elegy::internal::platform {

// Address space without memory behind it, aligned to `alignment`; null if there is none. Release
// gives it back.
void* Reserve(std::size_t bytes, std::size_t alignment);
void Release(void* address, std::size_t bytes);
// Makes reserved pages usable; they read zero. False if the system refuses.
bool Commit(void* address, std::size_t bytes);
// Gives the memory of committed pages back; they stay usable and read zero. False if the system
// refuses, as for locked memory: they are as they were.
[[nodiscard]] bool Discard(void* address, std::size_t bytes);
// Asks for huge pages; a wish.
void PreferHugePages(void* address, std::size_t bytes);

std::size_t PageBytes();

// Bytes of memory that this process may use: the machine's, or its control groups' if that is less.
std::size_t MemoryLimit();
// The cores that this thread may run on, or, if that is less, how many its control groups' share of
// processor time amounts to, rounded up.
int Cores();

// What the control groups of a process, and those around them, allow it; the largest number where
// they set no limit. `groups` is its /proc/PID/cgroup, `mount` where their files are.
struct CgroupLimits {
  std::size_t memory_bytes;
  int cores;
};
CgroupLimits ReadCgroupLimits(const std::string& groups, const std::string& mount);

// The cores that some threads may run on, as it was when each added its own.
class CoreSet {
 public:
  // All that a machine may have, if the system does not tell.
  void AddThoseOfThisThread();
  int Count() const;

 private:
  static constexpr std::size_t kWords = 64;
  std::array<std::uint64_t, kWords> cores_ = {};
};

// The monotonic clock, and the processor time of the calling thread.
std::uint64_t NowNs();
std::uint64_t ThreadTimeNs();

// Sleeps while *word == expected, for so long at most; may wake early. Wake wakes all who sleep on
// the word.
void Wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
          std::uint64_t most_ns = UINT64_MAX);
void Wake(const std::atomic<std::uint32_t>& word);

int ProcessId();
void YieldThread();
void NameThread(const char* name);  // at most 15 characters
// The system's number of the calling thread, and the name of one of this process.
std::uint32_t ThreadId();
std::string ThreadName(std::uint32_t id);

// The calling thread's stack, which grows downwards from `base`. Throws std::bad_alloc.
struct StackBounds {
  const void* lowest;
  const void* base;
};
StackBounds StackOfThread();

// Room for the callee-saved registers of every supported processor.
struct Registers {
  const void* values[20] = {};
};

}  // namespace elegy::internal::platform

// Stores the caller's callee-saved registers, unmangled. Written in assembly, so that no prologue
// comes before it.
extern "C" void elegy_save_registers(elegy::internal::platform::Registers* registers);

#endif  // ELEGY_SRC_PLATFORM_PLATFORM_H_
