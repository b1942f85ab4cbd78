// A finalization registry's records, outside the heap.
//
// A record's life:
//
//     free -> filling -> live
//                       Register: the held value is moved in between, without the lock, for its
//                       move may do anything; a record that is filling is its thread's alone
//     live -> queued    the collector, after the flip, if the target is dead
//     live, queued -> running   RunNow, or a mutator that drains: exactly one, under the lock; its
//                               held value is moved out, without it
//     running -> free           its callback has returned or thrown: delivered
//     live, queued -> ending    Unregister, Cancel: cancelled; or the registry's end: dropped
//     ending -> free            its held value has been destroyed, without the lock, for its
//                               destructor may do anything
//     running, ending -> done -> free
//                               the same while a batch in the queue still names the record; it is
//                               free once that has been taken out
//
// Who may be where. All transitions but one happen under the core's lock, which the collector holds
// for a bounded number of records at a time. Batches of queued records go through a lock-free queue
// with one producer, the collector; its consumers take turns under the lock. Callbacks run without
// the lock; a thread that runs many takes it once between two, to end the one and to take the
// other. While one runs, its record is still there, without its held value: that is the thread's,
// as one of the mutator's callback roots, and what it refers to was shaded when it was moved out.
//
// The one without the lock, which would take half of the time: the thread that made the registry,
// its home, reserves some records, which are filling, whenever it has to take the lock. Later it
// makes them live one by one, if there is nothing else to be done under the lock: no token, no
// external bytes, a held value that moves by no code of the program's and refers to nothing. A
// release; whoever looks at a record's state acquires it, and touches nothing of a record that is
// filling but its token, of which a reserved one has none. So whoever finds the record live finds
// it whole. When the collector passes it by as filling, it is as if it had been registered after
// the collector had passed: its target, which the home holds, is marked in this cycle.
//
// A home may therefore make a record live beside the shutdown of its heap, when it has not seen yet
// that the registry is closed. Nobody queues or runs such a record, nor asks for its target. It is
// dropped when the collector next comes to the registry, or once more: by the second time all have
// answered a handshake that began after the registry was closed, so that every such record is
// there, and none will come. The registry's own end needs no such care: who registers keeps it
// alive.
//
// The core outlives its registry as long as a Registration or a drain holds it. The registry is a
// root while records are queued or running (IsRoot). When it stops being one nothing is shaded, as
// the target of a handle would be: nobody can have read the registry from there, and what a held
// value refers to is shaded by who takes the value.

#ifndef ELEGY_INTERNAL_REGISTRY_CORE_H_
#define ELEGY_INTERNAL_REGISTRY_CORE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "elegy/internal/mutator_core.h"
#include "elegy/internal/mutex.h"
#include "elegy/internal/traced_table.h"
#include "elegy/internal/value_ops.h"
#include "elegy/registry_options.h"

namespace elegy {

namespace internal {

class BatchQueue;
class RecordStore;
class UndeliveredLog;
class MutatorImpl;
struct HeapState;
struct Record;

// Names one use of a record.
struct RecordName {
  Record* record = nullptr;
  std::uint64_t generation = 0;
};

class RegistryCore : public TracedTable, public std::enable_shared_from_this<RegistryCore> {
 public:
  // Of the current mutator's heap, with that mutator as its home.
  RegistryCore(const ValueOps& ops, RegistryOptions options);
  ~RegistryCore() override;

  // Makes the registry `self`, an object of the heap, known to the collector.
  void Announce(void* self);
  // The registry's end: drops what is left and, once no callback runs, releases the callbacks.
  void Close() ELEGY_EXCLUDES(mutex_);

  // Adds a record whose held value is moved out of *held. InvalidArgument: a null target, or a null
  // token where there is one; FailedPrecondition after Shutdown; ResourceExhausted for want of
  // memory, once a cycle has failed to make room: then nothing has been moved. A safepoint only in
  // that case. Throws what the held value's move throws. Fatal, with a message, on a thread that is
  // attached to another heap, as Unregister is.
  absl::StatusOr<RecordName> Add(const void* target, bool has_token, const void* token, void* held,
                                 const RegisterOptions& options) ELEGY_EXCLUDES(mutex_);
  absl::StatusOr<bool> Unregister(const void* token) ELEGY_EXCLUDES(mutex_);
  bool Cancel(RecordName name) ELEGY_EXCLUDES(mutex_);
  // Empties the handle, which may be gone when the callback has run, unless there is no memory for
  // the call.
  static bool RunNow(std::shared_ptr<RegistryCore>& handle, RecordName name);
  // Runs queued callbacks on this thread; returns how many this call has run. Inside kDeepest
  // callbacks of this thread it runs none: those outside go on.
  std::size_t Cleanup(std::size_t max_callbacks) ELEGY_EXCLUDES(mutex_);
  // The same at a safepoint, until a Shutdown begins on another thread.
  std::size_t RunAtSafepoint(MutatorImpl& mutator, std::size_t max_callbacks)
      ELEGY_EXCLUDES(mutex_);
  // For Shutdown, however deep: runs as many as are queued now, or fewer if others run some.
  std::size_t RunAllQueued() ELEGY_EXCLUDES(mutex_);
  // A callback's exception ends that Shutdown: what it leaves is announced anew by the next cycle.
  void AnnounceAgain() ELEGY_EXCLUDES(mutex_);

  // For the collector.
  void* self() const { return self_; }
  bool RunsAnywhere() const { return options_.run_on == RegistryOptions::RunOn::kAnyMutator; }
  // Whose safepoints run its callbacks (src/weak/delivery.h). All under the heap's ready_mutex.
  bool MayRunOn(const MutatorImpl& mutator) const {
    return RunsAnywhere() || in_turn_ == nullptr || in_turn_ == &mutator;
  }
  // False if the mutator's turn has begun already, or there is none to be had.
  bool BeginTurn(const MutatorImpl& mutator) {
    if (RunsAnywhere() || in_turn_ != nullptr) return false;
    in_turn_ = &mutator;
    return true;
  }
  void EndTurn(const MutatorImpl& mutator) {
    if (in_turn_ == &mutator) in_turn_ = nullptr;
  }
  // For the list of one mutator's, or of any mutator's, ready registries: whether it is on one from
  // now on, where it was not. Under the same lock.
  bool EnterList() { return !std::exchange(is_listed_, true); }
  void LeaveList() { is_listed_ = false; }
  std::uint64_t home() const { return home_; }
  // Whether records are queued, or also running. Acquire: pairs with the release of each change.
  bool HasQueued() const { return queued_.load(std::memory_order_acquire) != 0; }
  bool IsRoot() const { return HasQueued() || running_.load(std::memory_order_acquire) != 0; }
  // How many records it has ever had, and how many of them have been delivered. Relaxed: counts
  // that nothing else hangs on, each written by one thread at a time.
  std::uint64_t registered() const {
    return registered_.load(std::memory_order_relaxed) +
           registered_at_home_.load(std::memory_order_relaxed);  // as above
  }
  std::uint64_t delivered() const { return delivered_.load(std::memory_order_relaxed); }
  // After the flip: queues the records of dead targets and forgets dead tokens. Returns how many
  // were queued; *became_ready is set if none had been queued before, or who drained meanwhile has
  // not found all.
  std::size_t QueueDead(const Liveness& liveness, bool* became_ready) ELEGY_EXCLUDES(mutex_);
  void NotifyReady();
  // After the flip: the registry is dead, and so is what its held values refer to.
  void Orphan() ELEGY_EXCLUDES(mutex_);
  // For Shutdown: all live records' targets; the end of all records that are not running.
  void AppendTargets(std::vector<const void*>& targets) ELEGY_EXCLUDES(mutex_);
  void DropAll() ELEGY_EXCLUDES(mutex_) { DropAll(nullptr); }
  // In a forked child: ends a run of callbacks whose thread there is not, with the record whose
  // callback ran, if one did.
  void EndVanished(Record* record) ELEGY_EXCLUDES(mutex_);

  void Mark(TableMarker& marker) override ELEGY_EXCLUDES(mutex_);
  void MarkValueOf(void*, Visitor&) override {}
  std::size_t ClearDead(const Liveness&) override { return 0; }

 protected:
  // Moves the held value out of its storage, then runs the callback.
  virtual void Invoke(void* held) = 0;
  virtual void ReleaseCallback() = 0;

 private:
  static constexpr std::size_t kDeepest = 1000;
  // What its home reserves at a time, in bytes, or one record.
  static constexpr std::size_t kReservedBytes = 2048;
  // How often the collector looks for what has been added after the end.
  static constexpr int kLastLooks = 2;

  // The records that share a token.
  using Records = absl::InlinedVector<Record*, 2>;

  // A thread's run of callbacks one after the other (registry_delivery.cc).
  class Drain;

  void* HeldOf(Record& record) const {
    return reinterpret_cast<std::byte*>(&record) + held_offset_;
  }
  bool Names(RecordName name) const;
  // Whether the record that is named is live or queued, and its registry not at its end.
  bool CanEnd(RecordName name) ELEGY_EXCLUDES(mutex_);
  // Fatal on a thread that is attached to another heap.
  void CheckHeapOf(const MutatorImpl& mutator) const;
  // None after the end. Throws std::bad_alloc.
  // *moves: whether it has come to moving the held value.
  std::optional<RecordName> TryAdd(const MutatorImpl& mutator, void* target, void* token,
                                   void* held, const RegisterOptions& options, bool* moves)
      ELEGY_EXCLUDES(mutex_);
  // On the home's thread, where a record is reserved.
  RecordName AddReserved(void* target, void* held, const RegisterOptions& options);
  void ReserveForHome() ELEGY_REQUIRES(mutex_);
  // Of a record that is filling, and has its held value.
  RecordName MakeLive(Record& record, void* target, const RegisterOptions& options);
  // A record that is filling, with all that might fail but the held value's move.
  Record& Prepare(void* token, std::size_t external_bytes) ELEGY_REQUIRES(mutex_);
  void PrepareExtra(Record& record, void* token, std::size_t external_bytes) ELEGY_REQUIRES(mutex_);
  void Fill(Record& record, void* held, bool* moves) ELEGY_EXCLUDES(mutex_);
  RecordName Publish(Record& record, void* target, const RegisterOptions& options)
      ELEGY_REQUIRES(mutex_);
  // A record that is filling, without its held value.
  void Discard(Record& record) ELEGY_EXCLUDES(mutex_);
  // Ends a record that is live or queued, but for its held value, which Bury destroys.
  void BeginEnd(Record& record, bool cancelled) ELEGY_REQUIRES(mutex_);
  void Bury(Record& record) ELEGY_EXCLUDES(mutex_);
  void BuryAll(Record* first) ELEGY_EXCLUDES(mutex_);
  void ForgetToken(Record& record) ELEGY_REQUIRES(mutex_);
  void FreeUnlessInQueue(Record& record) ELEGY_REQUIRES(mutex_);
  // Its callback is over.
  void EndDelivered(Record& record) ELEGY_REQUIRES(mutex_);
  // Release: pairs with HasQueued and IsRoot. Written under the lock alone.
  void AddQueued(std::size_t delta) ELEGY_REQUIRES(mutex_) {
    queued_.store(queued_.load(std::memory_order_relaxed) + delta, std::memory_order_release);
  }
  // The same.
  void AddRunning(std::size_t delta) ELEGY_REQUIRES(mutex_) {
    running_.store(running_.load(std::memory_order_relaxed) + delta, std::memory_order_release);
  }
  static void Count(std::atomic<std::uint64_t>& count) {
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);  // as above
  }
  void GiveBackExternal(const Record& record) ELEGY_REQUIRES(mutex_);
  // The program itself ends a record whose target may live.
  void CountClosed(const Record& record) ELEGY_REQUIRES(mutex_);
  bool Queue(Record& record, const Liveness& liveness) ELEGY_REQUIRES(mutex_);
  void DropAll(UndeliveredLog* log) ELEGY_EXCLUDES(mutex_);
  // Relaxed: changed under the lock. Without it, see the head.
  bool IsClosed() const { return closed_.load(std::memory_order_relaxed); }
  void SetClosed() ELEGY_REQUIRES(mutex_) { closed_.store(true, std::memory_order_relaxed); }
  // After the end: the collector's last looks.
  void DropLate() ELEGY_EXCLUDES(mutex_);
  void PurgeQueue() ELEGY_EXCLUDES(mutex_);
  // Whether the callback is never to be called again. True once: who gets that releases it, without
  // the lock, for what it captures may do anything when it is destroyed.
  bool TakeEnd() ELEGY_REQUIRES(mutex_);

  Mutex mutex_;
  const ValueOps& ops_;
  const std::size_t held_offset_;
  HeapState& heap_;
  RegistryOptions options_;
  const std::uint64_t home_;
  void* self_ = nullptr;
  // Guarded by the heap's ready_mutex.
  const MutatorImpl* in_turn_ = nullptr;
  bool is_listed_ = false;
  // The home's thread's alone; none where held values have slots, or moves of the program's.
  Record* reserved_ = nullptr;

  const std::unique_ptr<RecordStore> store_ ELEGY_PT_GUARDED_BY(mutex_);
  // Not Abseil's map, which does not survive a failed allocation.
  std::unordered_map<const void*, Records> by_token_ ELEGY_GUARDED_BY(mutex_);
  int last_looks_ ELEGY_GUARDED_BY(mutex_) = 0;  // how many are left
  bool orphaned_ ELEGY_GUARDED_BY(mutex_) = false;
  bool end_taken_ ELEGY_GUARDED_BY(mutex_) = false;
  // Whether who looked for queued records last found fewer than have been counted.
  bool starved_ ELEGY_GUARDED_BY(mutex_) = false;

  const std::unique_ptr<BatchQueue> queue_;
  std::atomic<std::size_t> queued_{0};
  std::atomic<std::size_t> running_{0};
  std::atomic<bool> closed_{false};
  std::atomic<std::uint64_t> registered_{0};          // under the lock
  std::atomic<std::uint64_t> registered_at_home_{0};  // without
  std::atomic<std::uint64_t> delivered_{0};
};

}  // namespace internal
}  // namespace elegy

#endif  // ELEGY_INTERNAL_REGISTRY_CORE_H_
