// What a finalization registry, and a registration, may be told.

#ifndef ELEGY_REGISTRY_OPTIONS_H_
#define ELEGY_REGISTRY_OPTIONS_H_

#include <cstddef>

#include "absl/functional/any_invocable.h"

namespace elegy {

// Where in the program something was said.
struct SourceLocation {
  const char* file = "";
  int line = 0;

  static constexpr SourceLocation Current(const char* file = __builtin_FILE(),
                                          int line = __builtin_LINE()) {
    return {file, line};
  }
};

struct RegisterOptions {
  // Native bytes that the target keeps: counted by the heap until the record is delivered,
  // cancelled or dropped.
  std::size_t external_bytes = 0;
  // Named on standard error, with ELEGY_LOG=gc in the environment, when the registry dies with this
  // registration undelivered. Where the options are made with braces, RegisterOptions{...}, or left
  // out, it is the caller's line; of an object declared without braces it is this one.
  SourceLocation location = SourceLocation::Current();
};

struct RegistryOptions {
  enum class RunOn {
    // The mutator that made the registry; once that has detached, any. One thread at a time, but
    // for CleanupSome, RunNow and Shutdown, which run callbacks on whichever thread calls them.
    kHomeMutator,
    kAnyMutator,  // callbacks may run on several threads at once
  };
  RunOn run_on = RunOn::kHomeMutator;
  // Called on a collector thread when the queue stops being empty, or may have been found empty
  // beside the collector: post to an event loop here. Heap::Collect may return before it is called.
  // It must not touch managed objects, nor wait for this heap's collector, nor take a lock that any
  // thread holds while it calls Make, Register, a map's Set or Collect: these may wait for the
  // cycle that it is called in. An exception ends the program.
  absl::AnyInvocable<void()> on_ready = nullptr;
};

}  // namespace elegy

#endif  // ELEGY_REGISTRY_OPTIONS_H_
