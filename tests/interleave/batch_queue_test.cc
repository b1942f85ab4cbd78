// A registry's queue between the collector, which pushes, and consumers that take turns: every
// record comes out once, also around the moment at which the queue becomes full.

#include "src/concurrent/batch_queue.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "tests/interleave/explore.h"

namespace elegy::internal {
namespace {

using interleave::ExpectHolds;
using interleave::Require;
using interleave::Together;

// Records here are numbers from 1; two to a batch, in their order.
class Numbered {
 public:
  // Leaves room for so many batches in the queue proper.
  void FillBut(std::size_t room) {
    for (std::size_t i = room; i < BatchQueue::kCapacity; i++) PushBatch();
  }

  void PushBatch() {
    BatchQueue::Batch batch;
    for (int i = 0; i < 2; i++) batch.push_back(reinterpret_cast<Record*>(++pushed_));
    queue_.Push(std::move(batch));
    whole_ += 2;
  }

  // As a registry does under its lock. False if nothing is there.
  bool TakeOne() {
    MutexLock turn(turn_);
    const std::uintptr_t whole = whole_;
    Record* const record = queue_.Front();
    if (record == nullptr) {
      Require(taken_.size() >= whole, "nothing was found of what had been pushed before");
      return false;
    }
    queue_.Pop();
    const auto number = reinterpret_cast<std::uintptr_t>(record);
    Require(number >= 1 && number <= pushed_, "came out, but was never pushed");
    for (const std::uintptr_t earlier : taken_) Require(earlier != number, "came out twice");
    taken_.push_back(number);
    return true;
  }

  void RequireThatAllComeOut() {
    while (TakeOne()) {
    }
    Require(taken_.size() == pushed_, "was lost");
  }

 private:
  BatchQueue queue_;
  Mutex turn_;
  std::uintptr_t pushed_ = 0;
  std::uintptr_t whole_ = 0;  // of batches whose Push has returned
  std::vector<std::uintptr_t> taken_;
};

TEST(BatchQueueTest, OneConsumerOfAnEmptyQueue) {
  ExpectHolds("batch queue, empty", {.preemptions = 2, .plain_steps = true}, [] {
    Numbered queue;
    Together({[&] {
                queue.PushBatch();
                queue.PushBatch();
              },
              [&] {
                for (int i = 0; i < 4; i++) queue.TakeOne();
              }});
    queue.RequireThatAllComeOut();
  });
}

TEST(BatchQueueTest, OneConsumerOfAFullQueue) {
  ExpectHolds("batch queue, full", {.preemptions = 3}, [] {
    Numbered queue;
    queue.FillBut(1);
    Together({[&] {
                for (int i = 0; i < 3; i++) queue.PushBatch();
              },
              [&] {
                for (int i = 0; i < 3; i++) queue.TakeOne();
              }});
    queue.RequireThatAllComeOut();
  });
}

TEST(BatchQueueTest, TwoConsumersInTurn) {
  ExpectHolds("batch queue, two consumers", {.preemptions = 2, .random_schedules = 2000}, [] {
    Numbered queue;
    const std::function<void()> take = [&] {
      for (int i = 0; i < 2; i++) queue.TakeOne();
    };
    Together({[&] {
                for (int i = 0; i < 2; i++) queue.PushBatch();
              },
              take, take});
    queue.RequireThatAllComeOut();
  });
}

}  // namespace
}  // namespace elegy::internal
