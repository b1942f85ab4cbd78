#include "elegy/internal/recency_list.h"

#include "elegy/internal/value_ops.h"
#include "src/weak/table_access.h"

namespace elegy::internal {

namespace {

// The barrier is that of a table's values; here a value is a link's reference.
constexpr ValueOps kLinkOps = {
    .bytes = sizeof(RecencyList::Link),
    .alignment = alignof(RecencyList::Link),
    .move = nullptr,
    .destroy = nullptr,
    .trace = [](const void* link,
                Visitor& visitor) { static_cast<const RecencyList::Link*>(link)->Trace(visitor); },
    .moves_plainly = true};

}  // namespace

void RecencyList::Use(Link& link, void* object) {
  if (budget_ == 0 || newest_ == &link || link.bytes > budget_) return;
  const bool held = link.held();
  if (held) Unlink(link);
  while (bytes_ > budget_ - link.bytes) Unlink(*oldest_);
  link.object_ = object;
  if (!held) ShadeAdded(CurrentImpl().state, kLinkOps, &link);
  Append(link);
}

void RecencyList::Forget(Link& link) {
  if (link.held()) Unlink(link);
}

void RecencyList::Append(Link& link) {
  bytes_ += link.bytes;
  link.older_ = newest_;
  link.newer_ = nullptr;
  (newest_ == nullptr ? oldest_ : newest_->newer_) = &link;
  newest_ = &link;
}

void RecencyList::Unlink(Link& link) {
  bytes_ -= link.bytes;
  (link.newer_ == nullptr ? newest_ : link.newer_->older_) = link.older_;
  (link.older_ == nullptr ? oldest_ : link.older_->newer_) = link.newer_;
  link.object_ = nullptr;
}

std::size_t BytesOfObject(const void* object) {
  const HeapState& state = CurrentImpl().state;
  const ObjectRef ref = state.Resolve(object);
  const std::size_t stride = state.pool.Info(ref.block).Stride();
  return stride != 0 ? stride : state.pool.SpanOf(ref.block) * kBlockBytes;
}

}  // namespace elegy::internal
