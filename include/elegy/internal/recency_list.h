// What a cache holds strongly: the objects used last, within a budget of bytes.
//
// A doubly linked list, used under its table's lock. The references are slots outside the heap, and
// the table's Mark visits them. Storing one shades its target until the mutator's stack has been
// scanned: the table may be black by then, and the target else be known to that stack alone.
// Dropping one shades nothing: the only way to read a target is the entry's weak read, which shades
// it; so if nobody has done that, nobody has the target from here.

#ifndef ELEGY_INTERNAL_RECENCY_LIST_H_
#define ELEGY_INTERNAL_RECENCY_LIST_H_

#include <cstddef>

#include "elegy/visitor.h"

namespace elegy::internal {

class RecencyList {
 public:
  // A part of a cache's entry.
  class Link {
   public:
    bool held() const { return object_ != nullptr; }
    void Trace(Visitor& visitor) const { VisitorAccess::Slot(visitor, &object_, object_); }

    std::size_t bytes = 0;  // what the object takes; not changed while it is held

   private:
    friend class RecencyList;

    void* object_ = nullptr;  // null: not in the list
    Link* newer_ = nullptr;
    Link* older_ = nullptr;
  };

  explicit RecencyList(std::size_t budget_bytes) : budget_(budget_bytes) {}
  RecencyList(const RecencyList&) = delete;
  RecencyList& operator=(const RecencyList&) = delete;

  // The link's object has been used: it is held as the newest, and the oldest are let go that the
  // budget has no room for. One larger than the budget is not held. The caller holds `object`.
  // O(1) amortised.
  void Use(Link& link, void* object);
  // Lets go of an object found dead; for the collector, after the flip.
  void Forget(Link& link);

  std::size_t bytes() const { return bytes_; }

 private:
  void Append(Link& link);
  void Unlink(Link& link);

  const std::size_t budget_;
  std::size_t bytes_ = 0;
  Link* newest_ = nullptr;
  Link* oldest_ = nullptr;
};

// What the heap takes for an object of the current mutator's heap, in bytes.
std::size_t BytesOfObject(const void* object);

}  // namespace elegy::internal

#endif  // ELEGY_INTERNAL_RECENCY_LIST_H_
