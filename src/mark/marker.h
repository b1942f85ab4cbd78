// Tracing: one Marker for each thread that marks, on a worklist that they share.
//
// A grey object is an entry of some stack, prefetch queue, published segment or barrier buffer. A
// marker pops an entry, waits for its memory in a queue of kQueue entries behind which the object
// and its mark word are prefetched, then tests and sets the mark; who has found it clear traces the
// object: its slots' targets become entries. Two at once may both have, which is work done twice
// and no more. Entries tagged kMarkedTag were marked by who pushed them. A leaf is marked and never
// touched. Every object that a marker marks, or gets marked by a tag, has the entries filed under
// it as an ephemeron's key released.
//
// Objects are traced while mutators change them: a slot is read once, by an atomic load with
// acquire, so that what is read has been constructed. What is missed is not lost: the write barrier
// shades what a store overwrites.
//
// Large arrays are traced in parts, so that several markers share one.

#ifndef ELEGY_SRC_MARK_MARKER_H_
#define ELEGY_SRC_MARK_MARKER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "elegy/internal/traced_table.h"
#include "elegy/visitor.h"
#include "src/concurrent/worklist.h"
#include "src/heap/heap_state.h"
#include "src/mark/marking_state.h"

namespace elegy::internal {

class Marker final : private Visitor, private TableMarker {
 public:
  enum class Role { kMarkerThread, kAssistant };

  Marker(HeapState& heap, MarkingState& state, Role role);
  Marker(const Marker&) = delete;
  Marker& operator=(const Marker&) = delete;
  // Hands over what is left: grey objects to the worklist, weak cells and tables to the state.
  ~Marker() override;

  // Adds a grey object; any address inside it.
  void Push(void* object);
  // Marks a candidate of a conservative scan, and adds it as grey: nothing, unless it names an
  // allocated, unmarked cell. `allocated`: the bitmap of the cells allocated before this cycle's
  // black allocation. The heap's candidates_mutex is held, see src/heap/object_bits.h.
  void MarkCandidate(void* word, ObjectBits allocated);

  // Marks until the worklist is empty and all of `markers` threads are in this call. Returns the
  // objects marked.
  std::size_t Drain(int markers);
  // How long Drain has waited for work since the last call, in nanoseconds.
  std::uint64_t TakeIdleNs() { return std::exchange(idle_ns_, 0); }
  // Marks about so many objects of the worklist, or as much of its arrays as takes that long; less
  // if there is nothing. Returns whether there was anything, marked already or not.
  bool MarkSome(std::size_t objects);

 private:
  static constexpr std::size_t kQueue = 16;
  static constexpr std::size_t kArrayPart = 2048;  // elements
  static constexpr std::size_t kPartCost = 256;    // objects whose marking takes as long
  static constexpr std::size_t kShareEvery = 256;  // objects between looks for idle markers

  struct Pending {
    std::uintptr_t entry = 0;  // the object's start, perhaps tagged
    std::atomic<std::uint64_t>* word;
    std::uint32_t block;
    std::uint32_t bit;
  };

  void OnSlot(const void* slot, void* target) override;
  void OnWeakCell(const WeakCell& cell) override;
  void OnTable(TracedTable& table) override;
  Visitor& visitor() override { return *this; }
  bool IsMarkedOrFile(void* key, TracedTable& table) override;

  // The stack: one segment, or none yet, of which [bottom_, cursor_) is in use.
  void PushEntry(void* entry);
  bool StackEmpty() const { return cursor_ == bottom_; }
  void SetStack(std::unique_ptr<Segment> stack);
  void PublishStack();
  void PublishDeferred();
  void ShareLowerHalf();

  // Tables come last: by then most keys that live are marked, and need not be filed.
  Worklist::Work NextWork(int markers);
  void Adopt(Worklist::Work work);
  void DrainStack(std::size_t& budget);
  Pending Prefetch(void* entry) const;
  void Process(const Pending& object);
  void TraceApart(void* start, BlockWord block);
  // False: the object is left to the marker threads.
  bool ReleaseEntries(void* key);
  void TracePart(ArrayPart part);

  HeapState& heap_;
  const BlockPool& pool_;
  MarkingState& state_;
  const Role role_;
  const ObjectBits marks_;
  // What will be dead at the flip though marked; mostly null.
  const absl::flat_hash_set<const void*>* const condemned_;

  std::unique_ptr<Segment> stack_;
  void** bottom_ = nullptr;
  std::array<Pending, kQueue> queue_;
  std::size_t queue_at_ = 0;
  std::size_t queue_size_ = 0;
  std::size_t marked_ = 0;
  std::uint64_t idle_ns_ = 0;
  std::vector<void*> deferred_;  // entries that an assistant leaves to the marker threads
  std::vector<WeakCell*> cells_;
  std::vector<TracedTable*> tables_;
  std::vector<TracedTable*> waiting_;  // tables that are still to be visited
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_MARK_MARKER_H_
