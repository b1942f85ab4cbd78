// What a registry says that dies with registrations undelivered, when the environment has
// ELEGY_LOG=gc: how many, and where in the program they were made.

#ifndef ELEGY_SRC_WEAK_UNDELIVERED_LOG_H_
#define ELEGY_SRC_WEAK_UNDELIVERED_LOG_H_

#include <array>
#include <cstddef>

#include "elegy/internal/registry_core.h"

namespace elegy::internal {

class UndeliveredLog {
 public:
  // How many places are named at most.
  static constexpr std::size_t kMostPlaces = 8;

  void Add(const SourceLocation& location);
  // A line, unless nothing was added.
  void Print() const;

 private:
  struct Place {
    SourceLocation location;
    std::size_t count = 0;
  };

  std::array<Place, kMostPlaces> places_;
  std::size_t count_ = 0;
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_WEAK_UNDELIVERED_LOG_H_
