#include "src/mutator/late_answers.h"

#include <cstdint>
#include <cstdio>
#include <new>
#include <string>

#include "src/mutator/mutator_impl.h"
#include "src/platform/platform.h"

namespace elegy::internal {

namespace {

const char* NameOf(Handshake kind) {
  switch (kind) {
    case Handshake::kNone:
      break;
    case Handshake::kBarrierOn:
      return "handshake 1 (barrier on)";
    case Handshake::kScanStack:
      return "handshake 2 (stacks scanned)";
    case Handshake::kRound:
      return "handshake 3 (termination round)";
    case Handshake::kQuiesce:
      return "handshake 4 (reads ended)";
    case Handshake::kHold:
      return "the request to stand still";
  }
  return "";
}

// Asked, and neither has answered nor is held by the collector in its place. Relaxed: it may answer
// at this very moment.
bool IsLate(const MutatorCore& mutator) {
  const std::uint32_t control = mutator.control.load(std::memory_order_relaxed);
  return (control & MutatorCore::kRequestMask) != 0 && (control & MutatorCore::kServing) == 0;
}

}  // namespace

void LogLateAnswers(HeapState& state, Handshake kind, std::uint64_t asked_ns) {
  // Without memory for the names, without them.
  const auto name_of = [](std::uint32_t thread) -> std::string {
    try {
      return platform::ThreadName(thread);
    } catch (const std::bad_alloc&) {
      return {};
    }
  };
  const std::uint64_t ms = (platform::NowNs() - asked_ns) / 1'000'000;
  for (const auto& [id, mutator] : state.mutators) {
    if (!IsLate(*mutator)) continue;
    std::fprintf(stderr,
                 "elegy: thread %u \"%s\" has not answered %s for %llu ms: it reaches no safepoint "
                 "and is in no BlockingRegion\n",
                 mutator->thread_id, name_of(mutator->thread_id).c_str(), NameOf(kind),
                 static_cast<unsigned long long>(ms));
  }
}

}  // namespace elegy::internal
