// Cells of objects whose constructors have thrown.
//
// Such a cell holds no object, and yet what the constructor has given away may still name it: weak
// views, entries of barrier buffers, words of stacks, and references that it has not taken back. So
// the cell is reserved, which a third bitmap says: it stays allocated, is never traced, whoever
// marks it, and is never destroyed.
//
//   at the throw             Add: reserved, and marked, so that a cycle that runs lets it be. Where
//                            none runs that bit is the allocated one, which is set. If its mutator
//                            has not been scanned yet, nobody traces anything before that.
//   a cycle's beginning      TakeFailing: those that there are are condemned, as Shutdown's targets
//                            are (src/mutator/weak_access.h): from the flip on they read null in
//                            every weak view, and clearing comes to all of these.
//   the swap of the bitmaps  those added since are marked in the new one. Adding one and the swap
//                            exclude each other: it is there for this, or marked afterwards.
//   marking                  a block that has reserved cells says so in its word, which was written
//                            before the cycle began; of its objects the marker asks the bitmap
//                            before it traces them.
//   after handshake 4        nobody is within a read of a view any more, and no block of the cells
//                            has an owner. FreeFailing clears the bits of those that nothing has
//                            reached; the sweep, which begins after that, finds free cells. Those
//                            that are referred to, by mistake or by a stale word, stay reserved.
//
// Adding one needs no memory. Thread-safe; all but Add and IsFailed are for the collector.

#ifndef ELEGY_SRC_HEAP_FAILED_OBJECTS_H_
#define ELEGY_SRC_HEAP_FAILED_OBJECTS_H_

#include <cstddef>
#include <vector>

#include "elegy/internal/mutex.h"
#include "src/heap/object_ref.h"

namespace elegy::internal {

struct HeapState;

class FailedObjects {
 public:
  explicit FailedObjects(HeapState& heap) : heap_(heap) {}

  // By the thread whose constructor has thrown.
  void Add(void* object) ELEGY_EXCLUDES(mutex_);

  // Whether a cell is reserved. During marking the answer does not change for cells that the marker
  // may come to trace.
  bool IsFailed(const ObjectRef& ref) const;

  // Those that go with the cycle that begins. Throws std::bad_alloc.
  const std::vector<void*>& TakeFailing() ELEGY_EXCLUDES(mutex_);
  // Swaps the heap's bitmaps.
  void SwapBitmaps() ELEGY_EXCLUDES(mutex_);
  void FreeFailing() ELEGY_EXCLUDES(mutex_);

  // The heap's end: none of them counts as an object any more.
  void FreeAll() ELEGY_EXCLUDES(mutex_);

  // All of them, by their starts. Throws std::bad_alloc.
  void AppendTo(std::vector<const void*>& objects) ELEGY_EXCLUDES(mutex_);

 private:
  // Calls f(ref) for every reserved cell. O(blocks, and cells of those that
  // have had some); O(1) if there is none.
  template <class F>
  void ForEach(F&& f) ELEGY_REQUIRES(mutex_);
  void Free(const ObjectRef& ref) ELEGY_REQUIRES(mutex_);

  HeapState& heap_;

  Mutex mutex_;
  std::size_t count_ ELEGY_GUARDED_BY(mutex_) = 0;
  std::vector<void*> failing_ ELEGY_GUARDED_BY(mutex_);  // those of the running cycle, in order
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_HEAP_FAILED_OBJECTS_H_
