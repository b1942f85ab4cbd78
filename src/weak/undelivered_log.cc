#include "src/weak/undelivered_log.h"

#include <cstdio>
#include <string>
#include <string_view>

namespace elegy::internal {

void UndeliveredLog::Add(const SourceLocation& location) {
  const char* const file = location.file == nullptr ? "" : location.file;
  count_++;
  for (Place& place : places_) {
    if (place.count == 0) place.location = {file, location.line};
    if (place.location.line != location.line || std::string_view(place.location.file) != file) {
      continue;
    }
    place.count++;
    return;
  }
}

void UndeliveredLog::Print() const {
  if (count_ == 0) return;
  std::string where;
  for (const Place& place : places_) {
    if (place.count == 0) break;
    where += (where.empty() ? " " : ", ") + std::string(place.location.file) + ":" +
             std::to_string(place.location.line) + " (" + std::to_string(place.count) + ")";
  }
  std::fprintf(stderr, "elegy: a registry has died with %zu registrations undelivered, made at%s\n",
               count_, where.c_str());
}

}  // namespace elegy::internal
