// The grey objects' list: markers that drain it end together, with nothing left and nothing lost,
// and none sleeps on.

#include "src/concurrent/worklist.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "tests/interleave/explore.h"

namespace elegy::internal {
namespace {

using interleave::ExpectHolds;
using interleave::Require;
using interleave::Together;

// A binary tree of entries, numbered as in a heap from 1, so many levels deep. To work on an entry
// is to publish its children, each in a segment of its own.
class Tree {
 public:
  explicit Tree(int levels) : seen_((std::size_t{1} << levels) - 1) {}

  void Publish(std::uintptr_t entry) {
    auto segment = std::make_unique<Segment>();
    segment->Push(reinterpret_cast<void*>(entry));
    list.Publish(std::move(segment));
  }

  void WorkOn(const Worklist::Work& work) {
    if (work.segment == nullptr) {
      parts_++;
      return;
    }
    for (std::size_t i = 0; i < work.segment->size; i++) {
      const auto entry = reinterpret_cast<std::uintptr_t>(work.segment->entries[i]);
      Require(entry >= 1 && entry <= seen_.size(), "no entry of the tree");
      Require(seen_[entry - 1] == 0, "an entry came out twice");
      seen_[entry - 1] = 1;
      for (const std::uintptr_t child : {2 * entry, 2 * entry + 1}) {
        if (child <= seen_.size()) Publish(child);
      }
    }
  }

  // A marker's drain.
  void Drain(int markers) {
    while (const Worklist::Work work = list.TakeOrFinish(markers)) WorkOn(work);
  }

  void RequireThatAllIsDone(int parts = 0) {
    for (const char seen : seen_) Require(seen != 0, "an entry is left at the end of a drain");
    Require(parts_ == parts, "a part is left at the end of a drain");
  }

  Worklist list;

 private:
  std::vector<char> seen_;  // as bytes: threads write neighbours
  int parts_ = 0;
};

// Nobody publishes but the markers: when the first of them has finished, all is done.
void DrainTogether(Tree& tree, int markers, int parts = 0) {
  const std::function<void()> drain = [&tree, markers, parts] {
    tree.Drain(markers);
    tree.RequireThatAllIsDone(parts);
  };
  Together(std::vector<std::function<void()>>(static_cast<std::size_t>(markers), drain));
}

TEST(WorklistTest, TwoMarkers) {
  ExpectHolds("work list, two markers", {.preemptions = 3}, [] {
    Tree tree(2);
    tree.Publish(1);
    DrainTogether(tree, 2);
  });
}

TEST(WorklistTest, TwoMarkersAndAPart) {
  ExpectHolds("work list, two markers and a part", {.preemptions = 2, .plain_steps = true}, [] {
    Tree tree(2);
    tree.Publish(1);
    tree.list.PublishPart({&tree, 0});
    DrainTogether(tree, 2, /*parts=*/1);
  });
}

TEST(WorklistTest, ThreeMarkers) {
  ExpectHolds("work list, three markers", {.preemptions = 1, .random_schedules = 2000}, [] {
    Tree tree(2);
    tree.Publish(1);
    DrainTogether(tree, 3);
  });
}

TEST(WorklistTest, OneDrainAfterTheOther) {
  ExpectHolds("work list, two drains", {.preemptions = 2}, [] {
    Tree first(1);
    first.Publish(1);
    DrainTogether(first, 2);
    DrainTogether(first, 2);
  });
}

// What a mutator leaves to the markers is theirs: it does not get it back.
TEST(WorklistTest, TwoMarkersAndWhatAMutatorDefers) {
  ExpectHolds("work list, two markers and a deferred segment", {.preemptions = 2}, [] {
    Tree tree(2);
    auto segment = std::make_unique<Segment>();
    segment->Push(reinterpret_cast<void*>(1));
    tree.list.PublishDeferred(std::move(segment));
    Require(tree.list.SeemsEmpty() && !tree.list.TryTake(), "a mutator gets what it deferred");
    Require(!tree.list.Empty(), "what is deferred is forgotten");
    DrainTogether(tree, 2);
  });
}

// A mutator helps to mark and hands over what it shades meanwhile: that may stay for the next
// drain, but is neither lost nor done twice.
TEST(WorklistTest, TwoMarkersBesideAMutator) {
  ExpectHolds("work list, two markers and a mutator", {.preemptions = 2}, [] {
    Tree tree(2);
    Together({[&] { tree.Drain(2); }, [&] { tree.Drain(2); },
              [&] {
                tree.Publish(1);
                if (const Worklist::Work work = tree.list.TryTake()) tree.WorkOn(work);
              }});
    while (const Worklist::Work work = tree.list.TryTake()) tree.WorkOn(work);
    tree.RequireThatAllIsDone();
    Require(tree.list.Empty(), "nothing could be taken from a list that is not empty");
  });
}

}  // namespace
}  // namespace elegy::internal
