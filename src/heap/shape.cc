#include "src/heap/shape.h"

#include <atomic>
#include <span>

#include "elegy/internal/layout.h"
#include "elegy/internal/mutex.h"
#include "src/base/check.h"
#include "src/heap/size_class.h"

namespace elegy::internal {

Shape g_shapes[kMostShapes];

namespace {

Mutex g_numbers_mutex;
std::uint32_t g_next_number ELEGY_GUARDED_BY(g_numbers_mutex) = 1;

// Acquire: pairs with the release in Assign; the type's shapes are written.
std::uint32_t NumberOf(const TypeInfo& type) { return type.space.load(std::memory_order_acquire); }

std::uint32_t Assign(const TypeInfo& type, std::span<const std::uint32_t> strides) {
  if (const std::uint32_t number = NumberOf(type); number != 0) return number;
  MutexLock lock(g_numbers_mutex);
  if (const std::uint32_t number = NumberOf(type); number != 0) return number;
  const std::uint32_t first = g_next_number;
  if (strides.size() > kMostShapes - first) Fail("too many managed types");
  for (const std::uint32_t stride : strides) {
    g_shapes[g_next_number++] = {.type = &type,
                                 .trace = type.trace,
                                 .stride = stride,
                                 .reciprocal = ReciprocalOf(stride),
                                 .capacity = static_cast<std::uint32_t>(kBlockBytes / stride),
                                 .is_container = type.is_container};
  }
  type.space.store(first, std::memory_order_release);  // as NumberOf
  return first;
}

}  // namespace

void CheckOneCopy(const Shape* shapes) {
  if (shapes == g_shapes) [[likely]]
    return;
  Fail(
      "an elegy::Make by another copy of elegy in this process than made the heap: a library has "
      "hidden its own, for instance by -Wl,--exclude-libs");
}

std::uint32_t AssignSpace(const TypeInfo& type, std::uint32_t stride) {
  return Assign(type, {&stride, 1});
}

std::uint32_t AssignArraySpaces(const TypeInfo& type) { return Assign(type, kArraySizes); }

}  // namespace elegy::internal
