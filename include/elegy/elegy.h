// elegy: a concurrent garbage collector for programs with many threads, with weak references and
// finalization registries that mean what JavaScript's mean. This header includes the whole public
// interface but testing.h.

#ifndef ELEGY_ELEGY_H_
#define ELEGY_ELEGY_H_

#include "elegy/array.h"                  // IWYU pragma: export
#include "elegy/finalization_registry.h"  // IWYU pragma: export
#include "elegy/heap.h"                   // IWYU pragma: export
#include "elegy/heap_stats.h"             // IWYU pragma: export
#include "elegy/iterable_weak_map.h"      // IWYU pragma: export
#include "elegy/member.h"                 // IWYU pragma: export
#include "elegy/mutator.h"                // IWYU pragma: export
#include "elegy/persistent.h"             // IWYU pragma: export
#include "elegy/traits.h"                 // IWYU pragma: export
#include "elegy/vector.h"                 // IWYU pragma: export
#include "elegy/visitor.h"                // IWYU pragma: export
#include "elegy/weak_cache.h"             // IWYU pragma: export
#include "elegy/weak_map.h"               // IWYU pragma: export
#include "elegy/weak_ref.h"               // IWYU pragma: export

#endif  // ELEGY_ELEGY_H_
