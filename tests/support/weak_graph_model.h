// What a graph of weak collections means, computed plainly: the reference for the property tests.
//
// Things are numbered from 0. Each has two slots, a weak slot, a weak reference, two maps, a set
// and a cache, and maybe a registry, which is an object of its own: while records are queued it
// outlives its thing. There are two mutators.

#ifndef ELEGY_TESTS_SUPPORT_WEAK_GRAPH_MODEL_H_
#define ELEGY_TESTS_SUPPORT_WEAK_GRAPH_MODEL_H_

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

namespace elegy::test {

class WeakGraphModel {
 public:
  static constexpr int kNone = -1;
  static constexpr std::size_t kMutators = 2;
  enum Map : std::size_t { kPlain, kIterable, kMaps };

  // The rules of life; a canary breaks one.
  struct Rules {
    bool value_needs_key = true;
    bool value_is_kept = true;
    bool target_is_weak = true;  // of a registration
    bool member_is_weak = true;
    bool cache_is_weak = true;
    bool held_is_kept = true;
    bool queue_is_a_root = true;
    bool turn_keeps = true;
    bool cancelled_count = true;
  };

  struct Entry {
    int key;
    int value;
  };
  struct Cached {
    std::size_t key;
    int thing;
  };
  // What a registration is waiting for: its target's death, the collector's queueing, its callback.
  enum class State { kWaiting, kDue, kQueued };
  struct Record {
    int number;
    int target;
    int held;
    int token;
    bool is_tracked;  // by a Registration
    State state = State::kWaiting;
  };
  struct Thing {
    std::array<int, 2> slots{kNone, kNone};
    int weak = kNone;
    std::optional<int> ref;  // a reference's target, whether or not it lives
    std::array<std::vector<Entry>, kMaps> maps;
    std::vector<int> set;
    std::vector<Cached> cache;
    bool has_registry = false;
    std::optional<std::size_t> home;  // the registry's mutator; none: it has detached
    std::vector<Record> records;
    bool dead = false;
    bool registry_dead = false;
  };

  // For each thing, and for each thing's registry.
  struct Life {
    std::vector<bool> things;
    std::vector<bool> registries;
  };

  // What has become of registrations.
  struct Counts {
    std::size_t registered = 0;
    std::size_t queued = 0;
    std::size_t delivered = 0;
    std::size_t cancelled = 0;
    std::size_t dropped = 0;
  };

  // How a program gets to a thing.
  struct Way {
    enum Via { kNowhere, kRoot, kSlot, kEntry } via = kNowhere;
    int from = kNone;       // the thing that has the slot or the map
    std::size_t which = 0;  // of the roots, slots or maps
    int key = kNone;
  };

  explicit WeakGraphModel(const Rules& rules) : rules_(rules) {}

  // What lives by the rules: what roots, turns and queues keep, and in addition what `also` names.
  Life Closure(const Life& also) const;
  Life Closure() const { return Closure(Nothing()); }
  Life Nothing() const;

  // How the living program can get to each thing, by strong slots and entries.
  std::vector<Way> Ways() const;

  bool IsDead(int thing) const { return thing == kNone || things[thing].dead; }

  // Has found out what has died: its entries are gone, its registrations due.
  void Bury(const Life& dead);
  // What was due is in its registry's queue.
  void QueueDue();
  std::size_t CountQueued() const;
  // Those that a mutator's safepoint delivers.
  std::size_t CountQueuedFor(std::size_t mutator) const;
  // All that have not been delivered, cancelled or dropped.
  std::size_t CountRecords() const;
  void CountCancelled(std::size_t records) {
    if (rules_.cancelled_count) counts.cancelled += records;
  }

  std::vector<Thing> things;
  std::vector<int> roots;
  std::array<std::vector<int>, kMutators> turns;  // what each mutator's turn keeps
  Counts counts;

 private:
  Rules rules_;
};

}  // namespace elegy::test

#endif  // ELEGY_TESTS_SUPPORT_WEAK_GRAPH_MODEL_H_
