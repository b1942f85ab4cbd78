#include "src/mutator/stack_scan.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "src/base/check.h"
#include "src/platform/platform.h"

// A stack is read as raw words, across the borders of variables and frames. AddressSanitizer's red
// zones are part of what is read. ThreadSanitizer would see the collector read a blocked thread's
// frames, which that thread may write while it waits; the words are only ever taken as candidates,
// and those that matter were written before the thread published its stack, with release.
#if defined(__clang__) || defined(__GNUC__)
#define ELEGY_READS_RAW_STACK \
  __attribute__((no_sanitize("address"), no_sanitize("thread"), noinline))
#endif

// With detect_stack_use_after_return, which newer compilers turn on by themselves, AddressSanitizer
// puts locals into frames of its own outside the stack, to which the function's real frame points.
// Null in programs without it.
// NOLINTBEGIN(bugprone-reserved-identifier): the sanitizer's names.
extern "C" {
[[gnu::weak]] void* __asan_get_current_fake_stack();
[[gnu::weak]] void* __asan_addr_is_in_fake_stack(void* fake_stack, void* address, void** begin,
                                                 void** end);
}
// NOLINTEND(bugprone-reserved-identifier)

namespace elegy::internal {

namespace {

class CandidateFilter {
 public:
  explicit CandidateFilter(const HeapState& state)
      : state_(state), limit_(state.pool.Frontier() * kBlockBytes) {}

  bool Accepts(std::uintptr_t word) const {
    return word - state_.base < limit_ &&
           state_.pool.Info((word - state_.base) >> kBlockBits).Kind() != BlockKind::kFree;
  }

 private:
  const HeapState& state_;
  const std::size_t limit_;
};

void AddIfAccepted(const CandidateFilter& filter, std::uintptr_t word,
                   std::vector<void*>& candidates) {
  if (filter.Accepts(word)) [[unlikely]]
    candidates.push_back(reinterpret_cast<void*>(word));
}

bool IsWithin(const void* address, const void* lowest, const void* base) {
  return address >= lowest && address < base;
}

// A stack whose limit has been raised since may reach further down.
void CheckOwnStack(const MutatorImpl& mutator, const void* frame) {
  const StackExtent& stack = mutator.stack;
  if (IsWithin(frame, stack.lowest, stack.base)) [[likely]]
    return;
  const platform::StackBounds bounds = platform::StackOfThread();
  if (IsWithin(frame, bounds.lowest, bounds.base)) return;
  Fail(
      "a safepoint on another stack than the thread's own, which would not be scanned: a fiber's "
      "may have one only with HeapOptions::conservative_stacks off");
}

void* FakeStackOfThread() {
  return __asan_get_current_fake_stack == nullptr ? nullptr : __asan_get_current_fake_stack();
}

// The frames outside the stack to which words of [begin, end) point.
ELEGY_READS_RAW_STACK
void ScanFakeFrames(const MutatorImpl& mutator, const void* begin, const void* end,
                    std::vector<void*>& candidates) {
  if (mutator.stack.fake == nullptr) return;
  for (const auto* at = static_cast<void* const volatile*>(begin); at < end; at++) {
    void* frame = nullptr;
    void* frame_end = nullptr;
    if (__asan_addr_is_in_fake_stack(mutator.stack.fake, *at, &frame, &frame_end) == nullptr) {
      continue;
    }
    ScanWords(mutator.state, frame, frame_end, candidates);
  }
}

// A function's own frame reaches below its frame address, and holds what it has pushed of its
// caller's registers before it saves the rest. So the work is done by functions called from there:
// the frame address of those is below the whole frame.
ELEGY_READS_RAW_STACK
void ScanCallers(MutatorImpl& mutator, std::vector<void*>& candidates) {
  const void* const begin = __builtin_frame_address(0);
  ScanWords(mutator.state, begin, mutator.stack.base, candidates);
  ScanFakeFrames(mutator, begin, mutator.stack.base, candidates);
}

// Keeps a call before it from being made into a jump, which would take this function's frame away
// first, and with it what it has pushed.
inline void StayHere() { asm volatile("" : : : "memory"); }

// The registers by themselves, for they may be in no frame.
ELEGY_READS_RAW_STACK
void ScanOwnStack(MutatorImpl& mutator, std::vector<void*>& candidates) {
  CheckOwnStack(mutator, __builtin_frame_address(0));
  mutator.stack.fake = FakeStackOfThread();
  platform::Registers registers;
  elegy_save_registers(&registers);
  ScanWords(mutator.state, &registers, &registers + 1, candidates);
  ScanCallers(mutator, candidates);
  StayHere();
}

ELEGY_READS_RAW_STACK
void CopyCallers(MutatorImpl& mutator, const void* top) {
  StackExtent& stack = mutator.stack;
  const auto* const begin = static_cast<const char*>(__builtin_frame_address(0));
  const std::size_t count = (static_cast<const char*>(top) - begin) / sizeof(std::uintptr_t);
  ELEGY_CHECK(count <= StackExtent::kMostLostWords);
  const auto* const words = reinterpret_cast<const volatile std::uintptr_t*>(begin);
  for (std::size_t i = 0; i < count; i++) stack.lost_words[i] = words[i];
  stack.lost_count = count;
  stack.begin = begin;
}

bool IsScanned(const MutatorImpl& mutator) {
  return mutator.stack_state != StackState::kNoPointers &&
         mutator.state.options.conservative_stacks;
}

}  // namespace

ELEGY_READS_RAW_STACK
void ScanWords(const HeapState& state, const void* begin, const void* end,
               std::vector<void*>& candidates) {
  const CandidateFilter filter(state);
  constexpr std::uintptr_t kMask = sizeof(void*) - 1;
  const auto first = (reinterpret_cast<std::uintptr_t>(begin) + kMask) & ~kMask;
  const auto last = reinterpret_cast<std::uintptr_t>(end) & ~kMask;
  const std::uintptr_t base = state.base;
  const std::size_t reserved = state.reserved_bytes;
  for (std::uintptr_t at = first; at < last; at += sizeof(void*)) {
    const std::uintptr_t word = *reinterpret_cast<const volatile std::uintptr_t*>(at);
    if (word - base < reserved) [[unlikely]]
      AddIfAccepted(filter, word, candidates);
  }
}

void ScanStack(MutatorImpl& mutator, std::vector<void*>& candidates) {
  if (!IsScanned(mutator)) return;
  if (t_mutator == &mutator) return ScanOwnStack(mutator, candidates);
  const StackExtent& stack = mutator.stack;
  ScanWords(mutator.state, &stack.registers, &stack.registers + 1, candidates);
  ScanWords(mutator.state, stack.lost_words.get(), stack.lost_words.get() + stack.lost_count,
            candidates);
  ScanWords(mutator.state, stack.begin, stack.base, candidates);
  ScanFakeFrames(mutator, &stack.registers, &stack.registers + 1, candidates);
  ScanFakeFrames(mutator, stack.lost_words.get(), stack.lost_words.get() + stack.lost_count,
                 candidates);
  ScanFakeFrames(mutator, stack.begin, stack.base, candidates);
}

// What this function's callers up to `top` have pushed of their caller's registers is below `top`
// and will be overwritten once they have returned: copied. Where they have not returned, `top` may
// lie above variables of theirs, in which another thread may leave a pointer meanwhile: so what is
// below `top` is scanned as it is then, too.
ELEGY_READS_RAW_STACK
void PublishStack(MutatorImpl& mutator, const void* top) {
  if (!IsScanned(mutator)) return;
  CheckOwnStack(mutator, __builtin_frame_address(0));
  mutator.stack.fake = FakeStackOfThread();
  elegy_save_registers(&mutator.stack.registers);
  CopyCallers(mutator, std::min(top, mutator.stack.base));
  StayHere();
}

}  // namespace elegy::internal
