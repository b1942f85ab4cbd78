// A mutator on a thread of its own that does what a test tells it, one thing after the other.

#ifndef ELEGY_TESTS_SUPPORT_ACTOR_H_
#define ELEGY_TESTS_SUPPORT_ACTOR_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "elegy/elegy.h"
#include "tests/support/stress.h"

namespace elegy::test {

// Between two commands an actor polls, which ends turns with an unscanned stack and so answers
// handshakes, or stands still, or is blocked. It begins polling.
class Actor {
 public:
  // Returns when it is attached.
  explicit Actor(Heap& heap) : thread_([this, &heap] { Run(heap); }) {
    Do([] {});
  }
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;
  ~Actor() {
    Await();
    SetState([this] { stop_ = true; });
    thread_.join();
  }

  // Runs f on the actor's thread; Do returns when it has run, Start at once.
  void Do(std::function<void()> f) {
    Start(std::move(f));
    Await();
  }
  void Start(std::function<void()> f) {
    Await();
    SetState([&] { command_ = std::move(f); });
  }
  void Await() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return command_ == nullptr; });
  }

  // When StandStill returns, the actor answers no handshake any more until Poll or Block.
  void StandStill() {
    Do([this] { idle_ = Idle::kStandsStill; });
  }
  // The collector answers in its place.
  void Block() {
    Do([this] { idle_ = Idle::kIsBlocked; });
  }
  void Poll() {
    Do([this] { idle_ = Idle::kPolls; });
  }

 private:
  enum class Idle { kPolls, kStandsStill, kIsBlocked };

  template <class F>
  void SetState(F&& change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }

  // Null: none yet, or no more.
  std::function<void()> NextCommand() {
    std::unique_lock lock(mutex_);
    if (idle_ != Idle::kPolls) changed_.wait(lock, [this] { return stop_ || command_ != nullptr; });
    stopped_ = stop_;
    return command_;
  }

  std::function<void()> NextCommand(Mutator& mutator) {
    if (idle_ != Idle::kIsBlocked) return NextCommand();
    const BlockingRegion region(mutator);
    return NextCommand();
  }

  void Run(Heap& heap) {
    Mutator mutator(heap);
    while (true) {
      std::function<void()> command = NextCommand(mutator);
      if (stopped_) return;
      if (command != nullptr) {
        command();
        command = nullptr;
        ScrubStack();
        SetState([this] { command_ = nullptr; });
      } else {
        mutator.EndTurn(StackState::kNoPointers);
        std::this_thread::yield();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> command_;
  bool stop_ = false;
  Idle idle_ = Idle::kPolls;  // the actor's own
  bool stopped_ = false;      // the actor's own
  std::thread thread_;
};

// How many mutators have answered handshake 1, 2, 3 or 4 so far.
inline std::uint64_t Answers(const Heap& heap, std::size_t handshake) {
  return heap.Stats().handshakes[handshake - 1].answers;
}
inline void AwaitAnswers(const Heap& heap, std::size_t handshake, std::uint64_t answers) {
  while (Answers(heap, handshake) < answers) std::this_thread::yield();
}

}  // namespace elegy::test

#endif  // ELEGY_TESTS_SUPPORT_ACTOR_H_
