#include "src/mutator/handshake.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "src/base/chaos.h"
#include "src/base/check.h"
#include "src/mutator/allocation.h"
#include "src/mutator/late_answers.h"
#include "src/mutator/stack_scan.h"
#include "src/mutator/weak_access.h"
#include "src/platform/platform.h"

namespace elegy::internal {

namespace {

constexpr std::uint32_t kRequestMask = MutatorCore::kRequestMask;
constexpr std::uint32_t kBlocked = MutatorCore::kBlocked;
constexpr std::uint32_t kServing = MutatorCore::kServing;
constexpr std::uint32_t kWaiting = MutatorCore::kWaiting;

// All changes of a control word. Acquire-release: see the head of the .h file.
std::uint32_t SetBits(MutatorCore& mutator, std::uint32_t bits) {
  return mutator.control.fetch_or(bits, std::memory_order_acq_rel);
}
std::uint32_t ClearBits(MutatorCore& mutator, std::uint32_t bits) {
  return mutator.control.fetch_and(~bits, std::memory_order_acq_rel);  // as SetBits
}
bool Replace(MutatorCore& mutator, std::uint32_t& expected, std::uint32_t desired) {
  return mutator.control.compare_exchange_strong(expected, desired,
                                                 std::memory_order_acq_rel,   // as SetBits
                                                 std::memory_order_acquire);  // as LoadControl
}
// Acquire: pairs with every change.
std::uint32_t LoadControl(const MutatorCore& mutator) {
  return mutator.control.load(std::memory_order_acquire);
}

// How many answers are still to come; false if none. Acquire-release: the collector, when it reads
// zero, has seen what every mutator did before it answered.
bool CountAnswer(HeapState& state) {
  if (state.outstanding.fetch_sub(1, std::memory_order_acq_rel) > 1) return true;
  platform::Wake(state.outstanding);
  return false;
}
void SetOutstanding(HeapState& state, std::uint32_t count) {
  state.outstanding.store(count, std::memory_order_release);  // before the requests
}
// False if some are still to come at that time of the clock.
bool AwaitAnswers(HeapState& state, std::uint64_t until_ns) {
  while (true) {
    const std::uint32_t left = state.outstanding.load(std::memory_order_acquire);  // as CountAnswer
    if (left == 0) return true;
    const std::uint64_t now = platform::NowNs();
    if (now >= until_ns) return false;
    platform::Wait(state.outstanding, left, until_ns - now);
  }
}
constexpr std::uint64_t kForever = UINT64_MAX;

// When a request of now that is still unanswered is to be told of.
std::uint64_t WarningTime(const HeapState& state, std::uint64_t now_ns) {
  const std::chrono::nanoseconds wait = state.options.handshake_warning;
  return now_ns + static_cast<std::uint64_t>(wait.count());
}

// Acquire and release: what the collector did while it held is visible afterwards.
bool IsHeld(const HeapState& state) { return state.held.load(std::memory_order_acquire) != 0; }
void SetHeld(HeapState& state, bool held) {
  state.held.store(held ? 1 : 0, std::memory_order_release);
}

// How many running mutators there are for each core, or none if each has its own. Relaxed: a hint;
// an answer that comes too early for it takes that of the cycle's last handshake, if any.
void SetCrowd(HeapState& state, std::size_t running) ELEGY_REQUIRES(state.mutators_mutex) {
  const auto cores = static_cast<std::size_t>(std::max(1, state.cores.Count()));
  state.crowd.store(running > cores ? static_cast<std::uint32_t>(running / cores) : 0,
                    std::memory_order_relaxed);
}
void ForgetCrowd(HeapState& state) {
  state.crowd.store(0, std::memory_order_relaxed);  // as SetCrowd
}
std::uint32_t Crowd(const HeapState& state) {
  return state.crowd.load(std::memory_order_relaxed);  // as SetCrowd
}

// See the head of the .h file.
void LeaveCoreToOthers(const HeapState& state) {
  constexpr std::chrono::microseconds kForOne(50);
  constexpr std::chrono::microseconds kMost(2000);
  if (const std::uint32_t crowd = Crowd(state); crowd > 0) {
    std::this_thread::sleep_for(std::min(crowd * kForOne, kMost));
  }
}

void ScanRoots(MutatorImpl& mutator) {
  HeapState& state = mutator.state;
  std::vector<void*> candidates;
  for (ConstructionNode* node = mutator.constructing; node != nullptr; node = node->outer) {
    const ObjectRef ref = state.Resolve(node->object);
    ObjectBits::TrySet(state.MarkBits().WordOf(ref.block, ref.index),
                       ObjectBits::MaskOf(ref.index));
    ScanWords(state, node->object, static_cast<const char*>(node->object) + node->bytes,
              candidates);
  }
  NoteConstructingCells(mutator);
  candidates.insert(candidates.end(), mutator.callback_roots.begin(), mutator.callback_roots.end());
  ScanStack(mutator, candidates);
  MutexLock lock(state.candidates_mutex);
  state.kept.push_back(mutator.kept.Share());
  state.candidates.push_back(std::move(candidates));
}

// By the mutator, or by the collector in its place.
void Answer(MutatorImpl& mutator, Handshake kind) {
  switch (kind) {
    case Handshake::kNone:
    case Handshake::kBarrierOn:
    case Handshake::kHold:
      return;
    case Handshake::kScanStack:
      BlackenRuns(mutator);
      NeedsMemory([&] { ScanRoots(mutator); });
      mutator.SetScanned(true);
      return;
    case Handshake::kRound:
      mutator.PublishBuffer();
      if (std::exchange(mutator.dirty, false)) SetRoundDirty(mutator.state);
      return;
    case Handshake::kQuiesce:
      mutator.buffer.reset();
      mutator.SetScanned(false);
      mutator.dirty = false;
      mutator.constructing_cells.Prune(mutator.constructing);
      mutator.kept.TakeBack();
      BeginEpoch(mutator, mutator.epoch + 1);
      return;
  }
}

void RecordDelay(HeapState& state, Handshake kind, std::uint64_t ns) {
  if (kind == Handshake::kHold) return;
  state.handshake_delays[static_cast<std::size_t>(kind) - 1].Add(ns);
  state.cycle_delay_max.Update(ns);
}

void AnswerTimed(MutatorImpl& mutator, Handshake kind) {
  const std::uint64_t begin = platform::NowNs();
  Answer(mutator, kind);
  RecordDelay(mutator.state, kind, platform::NowNs() - begin);
}

// Takes a blocked mutator's place, unless it has left. True if it is now held by the collector.
bool BeginServing(MutatorImpl& mutator, Handshake kind) {
  std::uint32_t control = LoadControl(mutator);
  while (true) {
    if ((control & kBlocked) == 0 || (control & kRequestMask) != static_cast<std::uint32_t>(kind)) {
      return false;
    }
    ELEGY_CHAOS_POINT("about to serve");
    if (Replace(mutator, control, control | kServing)) return true;
  }
}

void EndServing(MutatorImpl& mutator, std::uint32_t answered) {
  if ((ClearBits(mutator, kServing | kWaiting | answered) & kWaiting) != 0) {
    platform::Wake(mutator.control);
  }
}

// An empty list with room for all mutators. Throws std::bad_alloc.
std::vector<MutatorImpl*> RoomForAll(const HeapState& state) ELEGY_REQUIRES(state.mutators_mutex) {
  std::vector<MutatorImpl*> list;
  list.reserve(state.mutators.size());
  return list;
}

// Asks all mutators. Adds those that were blocked at that moment to a list that has room for all.
void Post(HeapState& state, Handshake kind, std::vector<MutatorImpl*>& blocked)
    ELEGY_REQUIRES(state.mutators_mutex) {
  SetOutstanding(state, static_cast<std::uint32_t>(state.mutators.size()));
  for (const auto& [id, mutator] : state.mutators) {
    ELEGY_CHAOS_POINT("between requests");
    if ((SetBits(*mutator, static_cast<std::uint32_t>(kind)) & kBlocked) != 0) {
      blocked.push_back(mutator);
    }
  }
}

// Whether there was a request that others have still to answer.
bool AnswerPending(MutatorImpl& mutator) {
  const std::uint32_t request = LoadControl(mutator) & kRequestMask;
  if (request == 0) return false;
  HeapState& state = mutator.state;
  const auto kind = static_cast<Handshake>(request);
  ELEGY_CHAOS_POINT("about to answer");
  AnswerTimed(mutator, kind);
  ELEGY_CHAOS_POINT("answered, request there");
  ClearBits(mutator, kRequestMask);
  ELEGY_CHAOS_POINT("answered, not counted");
  const bool awaited = CountAnswer(state);
  ELEGY_CHAOS_POINT("answer counted");
  if (kind != Handshake::kHold) return awaited;
  while (IsHeld(state)) platform::Wait(state.held, 1);
  return false;
}

}  // namespace

// Relaxed: the answer that follows, or the lock around a detach, publishes it.
void SetRoundDirty(HeapState& state) { state.round_dirty.store(true, std::memory_order_relaxed); }

void RunHandshake(HeapState& state, Handshake kind) {
  const std::uint64_t begin = platform::NowNs();
  {
    MutexLock lock(state.mutators_mutex);
    std::vector<MutatorImpl*> blocked = RoomForAll(state);
    state.newest = kind;
    if (kind == Handshake::kQuiesce) state.cycle++;
    Post(state, kind, blocked);
    SetCrowd(state, state.mutators.size() - blocked.size());
    for (MutatorImpl* mutator : blocked) {
      if (!BeginServing(*mutator, kind)) continue;
      AnswerTimed(*mutator, kind);
      ELEGY_CHAOS_POINT("served");
      EndServing(*mutator, kRequestMask);
      CountAnswer(state);
    }
  }
  if (!AwaitAnswers(state, WarningTime(state, begin))) {
    {
      MutexLock lock(state.mutators_mutex);
      LogLateAnswers(state, kind, begin);
    }
    AwaitAnswers(state, kForever);
  }
  if (kind == Handshake::kQuiesce) ForgetCrowd(state);
  state.handshake_latency_max[static_cast<std::size_t>(kind) - 1].Update(platform::NowNs() - begin);
}

HoldScope::HoldScope(HeapState& state) : state_(state) {
  const std::uint64_t begin = platform::NowNs();
  state.mutators_mutex.lock();
  std::vector<MutatorImpl*> blocked;
  try {
    blocked = RoomForAll(state);
  } catch (...) {
    state.mutators_mutex.unlock();
    throw;
  }
  SetHeld(state, true);
  Post(state, Handshake::kHold, blocked);
  for (MutatorImpl* mutator : blocked) {
    // Kept in service until the end, so that it cannot return.
    if (BeginServing(*mutator, Handshake::kHold)) CountAnswer(state);
  }
  if (!AwaitAnswers(state, WarningTime(state, begin))) {
    LogLateAnswers(state, Handshake::kHold, begin);
    AwaitAnswers(state, kForever);
  }
}

HoldScope::~HoldScope() {
  for (const auto& [id, mutator] : state_.mutators) {
    if ((LoadControl(*mutator) & kServing) != 0) EndServing(*mutator, kRequestMask);
  }
  ELEGY_CHAOS_POINT("served ones released");
  SetHeld(state_, false);
  platform::Wake(state_.held);
  state_.mutators_mutex.unlock();
}

void AnswerIfAsked(MutatorImpl& mutator) {
  if (AnswerPending(mutator)) LeaveCoreToOthers(mutator.state);
}

void AnswerHandshake(MutatorCore& mutator) { AnswerIfAsked(static_cast<MutatorImpl&>(mutator)); }

void EnterBlocked(MutatorImpl& mutator, const void* top) noexcept {
  PublishStack(mutator, top);
  std::uint32_t control = LoadControl(mutator);
  while (true) {
    ELEGY_DCHECK((control & kBlocked) == 0);
    if ((control & kRequestMask) != 0) {
      AnswerPending(mutator);
      control = LoadControl(mutator);
    } else {
      ELEGY_CHAOS_POINT("about to block");
      if (Replace(mutator, control, control | kBlocked)) return;
    }
  }
}

void LeaveBlocked(MutatorImpl& mutator) {
  std::uint32_t control = LoadControl(mutator);
  while (true) {
    ELEGY_CHAOS_POINT("about to leave");
    if ((control & kServing) == 0) {
      if (Replace(mutator, control, control & ~kBlocked)) break;
    } else if ((control & kWaiting) != 0 || Replace(mutator, control, control | kWaiting)) {
      platform::Wait(mutator.control, control | kWaiting);
      control = LoadControl(mutator);
    }
  }
  AnswerIfAsked(mutator);
}

bool KeepBlocked(HeapState& state, const MutatorImpl* except) {
  for (const auto& [id, mutator] : state.mutators) {
    if (mutator == except) continue;
    if (BeginServing(*mutator, Handshake::kNone) && mutator->in_region) continue;
    LetGo(state);
    return false;
  }
  return true;
}

void LetGo(HeapState& state) {
  for (const auto& [id, mutator] : state.mutators) {
    if ((LoadControl(*mutator) & kServing) != 0) EndServing(*mutator, 0);
  }
}

void AdoptNewestState(HeapState& state, MutatorImpl& mutator) {
  mutator.epoch = state.cycle;
  // The bitmap that marks were last swept into; from handshake 4 on this cycle's marks.
  const bool marking = state.newest == Handshake::kBarrierOn ||
                       state.newest == Handshake::kScanStack || state.newest == Handshake::kRound;
  mutator.allocated_which = marking ? 1 - state.MarkWhich() : state.MarkWhich();
  mutator.SetScanned(state.newest == Handshake::kScanStack || state.newest == Handshake::kRound);
  mutator.black = mutator.scanned;
}

}  // namespace elegy::internal
