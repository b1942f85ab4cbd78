// The collection cycle.
//
// Who may be where. The collector's thread runs the steps below one after the other; mutators run
// all the time. Each is at most one handshake behind the collector:
//
//   step               phase word   a mutator that has answered   one that has not yet
//   handshake 1        Marking      barrier known to be on        may store without it
//   handshake 1 again  Marking      no store of its own is left   may be within a store that began
//                                   from before all barriers      before all barriers were on
//   handshake 2        Marking      scanned, allocates black      unscanned, allocates white,
//                                                                 shades old and new values
//   MarkRoots and on   Marking      (all scanned)                 -
//   handshake 3        Marking      buffer empty at its answer    buffer may hold grey objects
//   the flip           WeakClosed   reads of unmarked targets answer null, in all threads
//   ClearAndQueue      WeakClosed   as above                      -
//   handshake 4        Idle         white allocation, in blocks   black allocation, in its old
//                                   of the new epoch              blocks
//   Sweep              Idle         (all of the new epoch)        -
//
// Why nothing reachable is white at the flip. When all have answered handshake 2, every object that
// was reachable then, from stacks, roots or slots, is marked, grey, or reachable from a grey object
// by a path of unmarked ones; what was allocated since is marked. Overwriting a link of such a path
// shades the link's target (deletion part), and a mutator's scan takes all it holds; the window
// before its scan, in which a pointer could move from an unscanned stack into an object that has
// been traced or blackened already, is closed by the insertion part. A weak read that brings an
// unmarked target back after that is counted and shades it; so does who drops a value that nothing
// may reach, of a dying entry or registry: what is shaded without being counted, is reachable. A
// round begins when the markers have found nothing left, and reads the number of resurrections
// before it asks. If the dirty flag is clear after it, no mutator has marked or shaded anything
// between its answer to the last round and that to this one; so none has handed over anything grey,
// for which the flag alone is asked. If no thread without a mutator has shaded what a handle held,
// either, then nothing grey existed when the round began, and nothing became grey, or the exchange
// of the phase word fails.
//
// Why handshake 1 runs twice. A barrier shades the pointer that it reads from the slot before its
// store; another mutator's store may come between the two, and what that one stored is overwritten
// unshaded. That does no harm as long as the other's barrier was on: then what it stored was
// marked, shaded, or held by an object or a stack that is still to be scanned. But if the other had
// seen its barrier off, and has been scanned since without the pointer, and then reads it back from
// the slot, nobody will ever shade it. So before anybody is scanned, every store that began before
// the last barrier was on has to be over: after the first round all barriers are on, after the
// second all stores that began earlier have ended.
//
// Barrier first, black allocation second: handshake 1 comes before 2, so that no object is black
// while any mutator may still store a white pointer into it without shading.
//
// Why nothing is traced before all have answered handshake 2. A constructor may hand its object out
// before it has finished. Its mutator's scan marks the object, so that nobody traces it half built;
// until then it is white, and others may shade it. So the marker does not begin before, and neither
// do mutators that help it; and a weak read leaves the mark to the marker, like the barrier, which
// then finds it set. That read need not count itself: the flip comes after another answer of its
// mutator.
//
// The order of the end: phase Idle is set after the last cell has been nulled, so a weak read that
// sees it finds only live targets; handshake 4 then ends the reads that saw an earlier phase,
// before any memory is reused; the barrier's global flag goes off between the two, for after the
// flip there is nothing left to shade.

#include <algorithm>
#include <span>
#include <utility>

#include "elegy/internal/registry_core.h"
#include "src/base/chaos.h"
#include "src/base/check.h"
#include "src/collector/cycle_log.h"
#include "src/collector/heap_impl.h"
#include "src/collector/verifier.h"
#include "src/mutator/handshake.h"
#include "src/platform/platform.h"
#include "src/sweep/sweeper.h"
#include "src/weak/clearing.h"
#include "src/weak/table_arrays.h"

namespace elegy::internal {

namespace {

using testing::CycleStep;

// Relaxed: see BarrierMayBeOn.
void CountMarkingHeap(std::uint32_t delta) {
  g_heaps_marking.fetch_add(delta, std::memory_order_relaxed);
}

// Whether anybody has shaded or marked anything since the last call. Never cleared but here:
// between two rounds a mutator may hand over its buffer, say so, and detach. Relaxed: ordered by
// the handshake's answers, or by the lock around a detach.
bool TakeRoundDirty(HeapState& state) {
  return state.round_dirty.exchange(false, std::memory_order_relaxed);
}

}  // namespace

void HeapImpl::Run() {
  platform::NameThread("elegy-collector");
  t_collecting = &state_;
  while (const std::uint64_t number = state_.request.AwaitWork()) {
    NeedsMemory([&] { RunCycle(number); });
    RunTask(number);
    state_.request.Finish();
  }
}

// The task runs without the lock: it may hold the mutators, one of which may wait for the lock to
// ask for the next. It outlives the cycle: who has asked for it waits for that.
void HeapImpl::RunTask(std::uint64_t cycle) {
  const std::function<void()>* task;
  {
    MutexLock lock(task_mutex_);
    if (task_ == nullptr || cycle < task_cycle_) return;
    task = std::exchange(task_, nullptr);
  }
  (*task)();
}

void HeapImpl::RunCycle(std::uint64_t number) {
  CycleReport report;
  report.cycle = number;
  const std::uint64_t begin = platform::NowNs();
  allocated_at_start_ = state_.accounting.allocated.Get();
  planner_.Begin();
  report.allocated_before = Grown(allocated_at_end_, allocated_at_start_);
  Notify(HeapEvent::Kind::kCycleStarted, number, report.allocated_before);

  Condemn();
  ELEGY_CHAOS_POINT("condemned, bitmaps not swapped");
  TurnBarrierOn();
  gate_.Pass(CycleStep::kBarrierOn);
  ELEGY_CHAOS_POINT("nobody scanned");
  RunHandshake(state_, Handshake::kScanStack);
  state_.SetAllScanned(true);
  ELEGY_CHAOS_POINT("all scanned");
  gate_.Pass(CycleStep::kStacksScanned);
  {
    Marker marker(state_, marking_, Marker::Role::kMarkerThread);
    MarkRoots(marker);
    MarkToTheEnd(marker, report);
  }
  allocated_at_flip_ = state_.accounting.allocated.Get();
  planner_.Flip();
  Notify(HeapEvent::Kind::kFlipped, number, report.resurrections);
  if (state_.options.verify) VerifyMarks(state_);
  const std::uint64_t flipped = platform::NowNs();
  gate_.Pass(CycleStep::kFlipped);
  ClearAndQueue(report);
  TurnBarrierOff();
  const std::uint64_t cleared = platform::NowNs();
  Sweep(report);
  const std::uint64_t swept = platform::NowNs();

  report.marking_ns = flipped - begin;
  report.clearing_ns = cleared - flipped;
  report.sweeping_ns = swept - cleared;
  marking_times_.Add(report.marking_ns);
  clearing_times_.Add(report.clearing_ns);
  sweeping_times_.Add(report.sweeping_ns);
  planner_.Next(report.live_bytes, report.reusable_bytes, markers_.TakeCoreShare());
  allocated_at_end_ = state_.accounting.allocated.Get();
  state_.roots->Trim();
  report.longest_delay_ns = state_.cycle_delay_max.Take();
  if (state_.logs) LogCycle(state_, report);
  cycles_.Add(1);
  gate_.Pass(CycleStep::kSwept);
  gate_.Reset();
  Notify(HeapEvent::Kind::kCycleFinished, number, report.live_bytes);
}

// In this cycle objects whose constructors have thrown and, for Shutdown(kDeliverAll), the
// registered targets count as dead from the flip on, whatever refers to them strongly. The set is
// complete before the cycle's phase can be seen, and stays until no weak access of this cycle is
// under way (src/mutator/weak_access.h).
void HeapImpl::Condemn() {
  const std::vector<void*>& failing = state_.failed.TakeFailing();
  std::vector<const void*> targets(failing.begin(), failing.end());
  // Acquire: pairs with the release in Shutdown.
  if (condemn_requested_.exchange(false, std::memory_order_acquire)) {
    MutexLock lock(state_.registries_mutex);
    for (const std::shared_ptr<RegistryCore>& core : state_.registries) {
      core->AppendTargets(targets);
    }
  }
  if (targets.empty()) return;
  condemned_ = absl::flat_hash_set<const void*>(targets.begin(), targets.end());
  state_.condemned.store(&condemned_, std::memory_order_release);  // see HeapState::Condemned
}

// Threads that are not attached answer no handshake: passing through the root table's lock is what
// handshake 1 is for their stores to handles, and at the end of the cycle handshake 4.
void HeapImpl::TurnBarrierOn() {
  {
    MutexLock lock(state_.mutators_mutex);
    state_.failed.SwapBitmaps();
    state_.newest = Handshake::kBarrierOn;
  }
  ELEGY_CHAOS_POINT("bitmaps swapped");
  CountMarkingHeap(1);
  ELEGY_CHAOS_POINT("barrier on, phase idle");
  state_.SetAllScanned(false);
  state_.phase.Set(Phase::kMarking);
  ELEGY_CHAOS_POINT("phase marking, nobody asked");
  RunHandshake(state_, Handshake::kBarrierOn);
  RunHandshake(state_, Handshake::kBarrierOn);
  ELEGY_CHAOS_POINT("barriers known to be on");
  state_.roots->PassThrough();
}

void HeapImpl::MarkRoots(Marker& marker) {
  std::vector<std::vector<void*>> candidates;
  std::vector<KeptTargets> kept;
  {
    MutexLock lock(state_.candidates_mutex);
    candidates.swap(state_.candidates);
    kept.swap(state_.kept);
  }
  for (const std::vector<void*>& words : candidates) MarkCandidates(marker, words);
  for (const KeptTargets& targets : kept) {
    MarkCandidates(marker, {targets.entries.get(), targets.size});
  }
  state_.roots->ForEach(/*strong=*/true, [&](const WeakCell& cell) {
    if (void* target = cell.Target()) marker.Push(target);
  });
  MutexLock lock(state_.registries_mutex);
  for (const std::shared_ptr<RegistryCore>& core : state_.registries) {
    if (core->IsRoot()) marker.Push(core->self());
  }
}

// A part at a time, so that who gives cells back does not wait for long.
void HeapImpl::MarkCandidates(Marker& marker, std::span<void* const> words) {
  constexpr std::size_t kPart = 512;
  const ObjectBits allocated = state_.pool.Bits(1 - state_.MarkWhich());
  for (std::size_t begin = 0; begin < words.size(); begin += kPart) {
    const std::size_t end = std::min(begin + kPart, words.size());
    ELEGY_CHAOS_POINT("between candidates");
    MutexLock lock(state_.candidates_mutex);
    for (std::size_t i = begin; i < end; i++) marker.MarkCandidate(words[i], allocated);
  }
}

void HeapImpl::MarkToTheEnd(Marker& marker, CycleReport& report) {
  do {
    for (void* target : state_.roots->TakeShaded()) marker.Push(target);
    markers_.Drain(marker);
  } while (!TryToFlip(marker, report));
}

// One termination round.
bool HeapImpl::TryToFlip(Marker& marker, CycleReport& report) {
  report.rounds++;
  ELEGY_CHAOS_POINT("nothing left to mark");
  const std::uint64_t word = state_.phase.Load();
  ELEGY_CHAOS_POINT("resurrections read");
  RunHandshake(state_, Handshake::kRound);
  ELEGY_CHAOS_POINT("round answered");
  if (TakeRoundDirty(state_)) return false;
  const std::vector<void*> shaded = state_.roots->TakeShaded();
  for (void* target : shaded) marker.Push(target);
  if (!shaded.empty()) return false;
  gate_.Pass(CycleStep::kMarked);
  ELEGY_CHAOS_POINT("about to flip");
  report.resurrections = word / PhaseWord::kOneResurrection;
  return state_.phase.Flip(word);
}

void HeapImpl::ClearAndQueue(CycleReport& report) {
  ELEGY_CHAOS_POINT("flipped");
  marking_.ephemerons.Clear();
  report.cleared = ClearWeakViews(state_, marking_);
  gate_.Pass(CycleStep::kCellsCleared);
  ELEGY_CHAOS_POINT("cleared, nothing queued");
  report.queued = QueueRecords(state_);
  if (report.queued > 0) Notify(HeapEvent::Kind::kRecordsQueued, report.cycle, report.queued);
  gate_.Pass(CycleStep::kRecordsQueued);
}

void HeapImpl::TurnBarrierOff() {
  ELEGY_CHAOS_POINT("about to be idle");
  state_.idle.Store(IdleNumber::New());
  ELEGY_CHAOS_POINT("idle numbered, phase closed");
  state_.phase.Set(Phase::kIdle);
  ELEGY_CHAOS_POINT("idle, barrier on");
  CountMarkingHeap(~std::uint32_t{0});
  ELEGY_CHAOS_POINT("reads not ended");
  TableArrays* const retired = TableArrays::TakeRetired(state_);
  RunHandshake(state_, Handshake::kQuiesce);
  ELEGY_CHECK(state_.worklist.Empty());  // or the next cycle would trace what this one frees
  state_.roots->PassThrough();
  TableArrays::FreeAll(state_, retired);
  ELEGY_CHAOS_POINT("reads ended, nothing swept");
  state_.condemned.store(nullptr, std::memory_order_release);  // as in Condemn
  condemned_.clear();
  state_.failed.FreeFailing();
}

void HeapImpl::Sweep(CycleReport& report) {
  std::uint32_t epoch;
  {
    MutexLock lock(state_.mutators_mutex);
    epoch = state_.cycle;
  }
  planner_.BeforeSweep();
  const std::uint64_t before = live_bytes_.Get();
  const SweepResult swept = SweepAll(state_, epoch);
  report.live_bytes = swept.live_bytes;
  report.reusable_bytes = swept.reusable_bytes;
  const std::uint64_t born = Grown(allocated_at_start_, state_.accounting.allocated.Get());
  state_.old_live_bytes.Set(swept.live_bytes - std::min(swept.live_bytes, born));
  live_bytes_.Set(report.live_bytes);
  const std::uint64_t had = before + Grown(allocated_at_last_flip_, allocated_at_flip_);
  report.freed_bytes = had > report.live_bytes ? had - report.live_bytes : 0;
  allocated_at_last_flip_ = allocated_at_flip_;
}

void HeapImpl::Notify(HeapEvent::Kind kind, std::uint64_t cycle, std::uint64_t count) {
  MutexLock lock(observer_mutex_);
  if (observer_) observer_({kind, cycle, count});
}

}  // namespace elegy::internal
