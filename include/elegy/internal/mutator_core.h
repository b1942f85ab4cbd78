// The part of a mutator's and a heap's state that inline fast paths read: allocation, the write
// barrier's flag, the safepoint poll and weak reads. The rest is in src/.
//
// Who writes what: a MutatorCore's fields belong to its thread, or, while that thread is inside a
// BlockingRegion and the collector answers a handshake in its place, to the collector (see
// src/mutator/handshake.h); `control` is shared, and part of `kept` (kept_alive.h). A HeapCore's
// address range is constant; `phase` is written by the collector, and by weak reads that count a
// resurrection.

#ifndef ELEGY_INTERNAL_MUTATOR_CORE_H_
#define ELEGY_INTERNAL_MUTATOR_CORE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "elegy/internal/kept_alive.h"
#include "elegy/internal/layout.h"
#include "elegy/internal/type_info.h"

namespace elegy::internal {

// The phase word: two bits of phase, and above them the number of resurrections of this cycle.
enum class Phase : std::uint64_t { kIdle = 0, kMarking = 1, kWeakClosed = 2 };

class PhaseWord {
 public:
  static constexpr std::uint64_t kPhaseMask = 3;
  static constexpr std::uint64_t kOneResurrection = 4;

  static Phase PhaseOf(std::uint64_t word) { return static_cast<Phase>(word & kPhaseMask); }
  // The same as PhaseOf(word) == Phase::kWeakClosed, for it alone has that bit; an instruction
  // less.
  static bool IsWeakClosed(std::uint64_t word) {
    return (word & static_cast<std::uint64_t>(Phase::kWeakClosed)) != 0;
  }

  // Acquire: pairs with Set and with the flip. After it, a mark bit that is read as clear was
  // clear when the phase began, and a cell that clearing has nulled is read as null.
  std::uint64_t Load() const { return word_.load(std::memory_order_acquire); }

  // Release: pairs with Load. All that the collector did before is visible to who sees the phase.
  void Set(Phase phase) {
    word_.store(static_cast<std::uint64_t>(phase), std::memory_order_release);
  }

  // The weak read's half of the race against the flip. Acquire-release: whichever of the two
  // exchanges comes second sees all that came before the first.
  bool CountResurrection(std::uint64_t expected) {
    return word_.compare_exchange_strong(expected, expected + kOneResurrection,
                                         std::memory_order_acq_rel, std::memory_order_acquire);
  }

  // The same until it succeeds, or the heap is not marking any more: false.
  bool CountWhileMarking() {
    while (true) {
      const std::uint64_t word = Load();
      if (PhaseOf(word) != Phase::kMarking) return false;
      if (CountResurrection(word)) return true;
    }
  }

  // The collector's half: the moment of death of every unmarked object.
  bool Flip(std::uint64_t expected) {
    return word_.compare_exchange_strong(expected, static_cast<std::uint64_t>(Phase::kWeakClosed),
                                         std::memory_order_acq_rel, std::memory_order_acquire);
  }

 private:
  std::atomic<std::uint64_t> word_{0};
};

// A phase Idle of a heap. No two of any heaps of the process have the same number, and none has 0.
class IdleNumber {
 public:
  // Relaxed: only that it is another one than any before counts.
  static std::uint64_t New() { return next_.fetch_add(1, std::memory_order_relaxed); }

  // Relaxed. Of a heap: written before the phase is set, and read after it. Of a handle: what has
  // been seen in its node stays true for that phase, whoever has seen it.
  std::uint64_t Load() const { return value_.load(std::memory_order_relaxed); }
  void Store(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }  // as Load

 private:
  [[gnu::visibility("default")]] inline static constinit std::atomic<std::uint64_t> next_{1};

  std::atomic<std::uint64_t> value_{0};
};

struct HeapCore {
  std::uintptr_t base = 0;
  std::size_t reserved_bytes = 0;
  alignas(64) PhaseWord phase;
  IdleNumber idle;  // of the phase Idle that is, or was last

  bool Contains(const void* address) const {
    return reinterpret_cast<std::uintptr_t>(address) - base < reserved_bytes;
  }
};

// A free run of one space that this mutator bumps through.
struct AllocationRun {
  char* cursor = nullptr;
  char* limit = nullptr;
};

// An object whose constructor is running, innermost first.
struct ConstructionNode {
  ConstructionNode* outer;
  void* object;
  std::size_t bytes;
};

struct MutatorCore {
  // Bits of `control`.
  static constexpr std::uint32_t kRequestMask = 7;    // the handshake asked for; 0: none
  static constexpr std::uint32_t kBlocked = 8;        // inside a BlockingRegion
  static constexpr std::uint32_t kServing = 16;       // the collector acts for a blocked mutator
  static constexpr std::uint32_t kWaiting = 32;       // the mutator sleeps until kServing is gone
  static constexpr std::uint32_t kRecordsReady = 64;  // some registry has records for this thread

  AllocationRun* runs = nullptr;  // indexed by TypeInfo::space
  std::uint32_t run_count = 0;
  std::atomic<std::uint32_t> control{0};
  ConstructionNode* constructing = nullptr;
  HeapCore* heap = nullptr;
  TurnNumber turn;
  KeptList kept;

  // Relaxed, both: only whether to take the slow path, which synchronises by itself.
  bool HasRequest() const { return control.load(std::memory_order_relaxed) != 0; }
  bool IsAskedForHandshake() const {
    return (control.load(std::memory_order_relaxed) & kRequestMask) != 0;  // as above
  }
};

// Visible whatever -fvisibility says: a shared library with copies of its own would find its
// threads not attached, and the barrier always off.

// The attached thread's state, or null.
[[gnu::visibility("default")]] inline constinit thread_local MutatorCore* t_mutator = nullptr;
// Its heap, or null: so that a fast path asks both at once.
[[gnu::visibility("default")]] inline constinit thread_local HeapCore* t_heap = nullptr;

// How many heaps of this process have their write barrier on.
[[gnu::visibility("default")]] inline constinit std::atomic<std::uint32_t> g_heaps_marking{0};

// How many threads are constructing an object whose slots are being recorded.
[[gnu::visibility("default")]] inline constinit std::atomic<std::uint32_t> g_slot_recorders{0};

// Relaxed: a mutator's view is brought up to date by handshake 1, which it answers after the
// collector has counted; until then the marker has not begun.
inline bool BarrierMayBeOn() { return g_heaps_marking.load(std::memory_order_relaxed) != 0; }

// Relaxed: a thread that records has written the count itself.
inline bool SlotsAreRecorded() { return g_slot_recorders.load(std::memory_order_relaxed) != 0; }

// One comparison for all cases but that of a second read in a turn.
inline bool TurnStamp::KeepInline(MutatorCore& mutator, void* target) {
  const std::uint64_t turn = mutator.turn.inline_value();
  const std::uint64_t age_less_1 = turn - 1 - Load();
  if (age_less_1 >= (std::uint64_t{1} << TurnNumber::kTurnBits) - 1) return ~age_less_1 == 0;
  if (!mutator.kept.TryAppend(target)) [[unlikely]]
    return false;
  Store(turn);
  return true;
}

[[noreturn]] void FailNotAttached();
[[noreturn]] void FailWrongThread();

inline MutatorCore& CurrentMutator() {
  MutatorCore* const mutator = t_mutator;
  if (mutator == nullptr) [[unlikely]]
    FailNotAttached();
  return *mutator;
}

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_MUTATOR_CORE_H_
