// Writing the heap's graph for Chrome's developer tools.

#ifndef ELEGY_SRC_COLLECTOR_SNAPSHOT_H_
#define ELEGY_SRC_COLLECTOR_SNAPSHOT_H_

#include <iosfwd>

#include "absl/status/status.h"
#include "src/collector/heap_impl.h"

namespace elegy::internal {

absl::Status WriteSnapshot(HeapImpl& heap, std::ostream& out);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_COLLECTOR_SNAPSHOT_H_
