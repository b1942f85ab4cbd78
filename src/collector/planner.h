// When the next cycle is to start, and how much free memory is kept: reads a heap's figures as a
// cycle goes on, and gives them to the pacer at its end.

#ifndef ELEGY_SRC_COLLECTOR_PLANNER_H_
#define ELEGY_SRC_COLLECTOR_PLANNER_H_

#include <cstddef>
#include <cstdint>

#include "src/collector/pacer.h"
#include "src/heap/heap_state.h"

namespace elegy::internal {

// The collector's thread alone. Begin, Flip, BeforeSweep and Next follow each other in a cycle.
class Planner {
 public:
  // Plans the first cycle.
  explicit Planner(HeapState& state);

  void Begin() { at_start_ = Read(); }
  void Flip() { at_flip_ = Read(); }
  void BeforeSweep() { taken_before_sweep_ = TakenForObjects(); }
  // `marker_share`: of a core, while the markers had something to do.
  void Next(std::uint64_t live_bytes, std::uint64_t reusable_bytes, double marker_share);

 private:
  // What has been told of since the heap was made.
  struct Told {
    std::uint64_t allocated = 0;
    std::uint64_t external = 0;
    std::uint64_t closed = 0;
    std::uint64_t native = 0;

    // External bytes that were told of since then and not closed.
    std::uint64_t ExternalSince(const Told& before) const;
  };

  Told Read() const;
  std::size_t TakenForObjects() const;

  HeapState& state_;
  Pacer pacer_;
  KeptFree kept_free_;
  Told at_start_;
  Told at_flip_;
  std::size_t taken_before_sweep_ = 0;
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_COLLECTOR_PLANNER_H_
