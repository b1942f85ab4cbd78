// What a heap tells of itself: figures and events.

#ifndef ELEGY_HEAP_STATS_H_
#define ELEGY_HEAP_STATS_H_

#include <array>
#include <cstdint>

namespace elegy {

// The answers to one kind of handshake since the heap was made. Times in nanoseconds of the
// monotonic clock; quantiles are upper bounds within 13 %.
struct HandshakeStats {
  std::uint64_t answers = 0;
  // How long one answer kept its mutator from its work, but for what it slept afterwards where
  // mutators outnumber cores: see Mutator.
  std::uint64_t delay_p50_ns = 0;
  std::uint64_t delay_p99_ns = 0;
  std::uint64_t delay_p999_ns = 0;
  std::uint64_t delay_max_ns = 0;
  // From the request to the last mutator's answer.
  std::uint64_t latency_max_ns = 0;
};

// The time a phase of the cycle took, from its first step to its last, beside running mutators.
struct PhaseStats {
  std::uint64_t last_ns = 0;
  std::uint64_t max_ns = 0;
  std::uint64_t total_ns = 0;
};

// A copy of a heap's figures, each since the heap was made unless it says otherwise. Counters are
// read one by one while mutators run.
struct HeapStats {
  std::uint64_t cycles = 0;      // completed
  std::uint64_t live_bytes = 0;  // objects found alive by the last cycle
  // Objects ever allocated. Falls where a mutator gives back what it had claimed and not used.
  std::uint64_t allocated_bytes = 0;
  std::uint64_t external_bytes = 0;  // native memory told to the heap, now
  std::uint64_t heap_bytes = 0;      // what counts towards max_heap_bytes, now
  std::uint64_t cells_cleared = 0;   // weak cells and weak entries whose target died
  std::uint64_t records_registered = 0;
  std::uint64_t records_queued = 0;  // ever
  std::uint64_t records_delivered = 0;
  std::uint64_t records_cancelled = 0;
  std::uint64_t records_dropped = 0;
  // Handshakes 1 to 4 of the cycle: barrier on; stacks scanned; termination round; reads ended.
  std::array<HandshakeStats, 4> handshakes;
  PhaseStats marking, clearing, sweeping;
  // The longest that an allocation held up its mutator because the collector was behind: helping
  // to mark, or waiting at max_heap_bytes; or a safepoint, waiting for too much native memory.
  std::uint64_t allocation_stall_max_ns = 0;
};

struct HeapEvent {
  enum class Kind {
    kCycleStarted,   // count: bytes allocated since the last cycle
    kFlipped,        // count: resurrections in this cycle
    kRecordsQueued,  // count: records queued by this cycle
    kCycleFinished,  // count: bytes found alive
  };
  Kind kind;
  std::uint64_t cycle;  // from 1
  std::uint64_t count;
};

}  // namespace elegy

#endif  // ELEGY_HEAP_STATS_H_
