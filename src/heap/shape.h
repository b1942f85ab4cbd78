// What all blocks of a space have in common, by the space's number: one table for the process.
//
// A type has a number of its own, an array type one for each size class, numbered from its first.
// The numbers are the same in every heap. An entry is written before its number is given out, and
// never again: who assigns the number publishes it by the type (release, acquire), who describes a
// block publishes it further (BlockInfo), and so it is read without a lock by all who see either.

#ifndef ELEGY_SRC_HEAP_SHAPE_H_
#define ELEGY_SRC_HEAP_SHAPE_H_

#include <cstddef>
#include <cstdint>

#include "elegy/internal/type_info.h"

namespace elegy::internal {

struct Shape {
  const TypeInfo* type;
  // Visits an object's slots; null for a leaf.
  TypeInfo::TraceFunction trace;
  // Of small objects: the distance between two of a block, its reciprocal (ReciprocalOf), and how
  // many fit into a block. Large objects of the type have the number in common with small ones.
  std::uint32_t stride;
  std::uint32_t reciprocal;
  std::uint32_t capacity;
  // The marker has more to do than to call `trace`.
  bool is_container;
};

static_assert(sizeof(Shape) == 32, "two to a cache line");

// Far more than a program has types; an array type takes 32. Zero pages until they are written.
inline constexpr std::size_t kMostShapes = std::size_t{1} << 18;
extern Shape g_shapes[kMostShapes];

// Fatal, with a message, if they are not those of the copy of elegy that asks: types are numbered
// by its tables.
void CheckOneCopy(const Shape* shapes);

// Gives a type of single objects its number if it has none yet, and returns it. Thread-safe.
std::uint32_t AssignSpace(const TypeInfo& type, std::uint32_t stride);
// The same for an array type: its first number.
std::uint32_t AssignArraySpaces(const TypeInfo& type);

}  // namespace elegy::internal

#endif  // ELEGY_SRC_HEAP_SHAPE_H_
