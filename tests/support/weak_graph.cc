#include "tests/support/weak_graph.h"

#include <algorithm>
#include <string>

namespace elegy::test {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;

void WeakGraph::Expect(bool holds, const char* what, std::size_t thing) {
  if (!holds) throw Mismatch(what + (": " + std::to_string(thing)));
}
void WeakGraph::Expect(bool holds, const char* what, int thing) {
  Expect(holds, what, static_cast<std::size_t>(thing));
}

WeakGraph::WeakGraph(Heap& heap, Choices& choices, const Model::Rules& rules)
    : heap_(heap), choices_(choices), model_(rules), roots_(kMaxThings) {
  model_.roots.assign(kMaxThings, Model::kNone);
}

void WeakGraph::AddPartner() {
  partner_.emplace(heap_);
  partner_->Block();
}

void WeakGraph::Grow() {
  const std::size_t size = 2 + choices_.Below(kMaxThings * 2 / 3);
  for (std::size_t i = 0; i < size; i++) NewThing(/*root=*/i);
  const std::size_t density = 1 + choices_.Below(6);
  Act(size * density);
  KeepOneHandleIn(8);
}

void WeakGraph::KeepOneHandleIn(std::size_t n) {
  for (std::size_t i = 0; i < kMaxThings; i++) {
    if (n == 0 || !choices_.OneIn(n)) SetRoot(i, Model::kNone, nullptr);
  }
}

void WeakGraph::Act(std::size_t acts) {
  for (; acts > 0; acts--) {
    if (partner_.has_value() && choices_.OneIn(64)) ReplacePartner();
    if (partner_.has_value() && choices_.OneIn(3)) {
      OnPartner([this] { ActOnce(); });
    } else {
      ActOnce();
    }
    Note();
  }
}

void WeakGraph::RunCycle(std::size_t acts_per_step) {
  BeginCycle();
  CycleStepper stepper(heap_);
  for (int i = 0; i <= static_cast<int>(CycleStep::kSwept); i++) {
    const auto step = static_cast<CycleStep>(i);
    if (step != CycleStep::kSwept && choices_.OneIn(3)) continue;
    stepper.AdvanceTo(step);
    PassStep(step);
    Act(choices_.Below(acts_per_step + 1));
  }
  stepper.FinishCycle();
  EndCycle();
}

void WeakGraph::Collect() {
  BeginCycle();
  heap_.Collect(StackState::kNoPointers);
  EndCycle();
}

void WeakGraph::EndEverything() {
  ending_ = true;
  KeepOneHandleIn(0);
  EndTurns();
  Collect();
  // What is held for a callback dies after it, and may have one of its own.
  while (model_.CountQueued() > 0) {
    EndTurns();
    Collect();
  }
  for (std::size_t i = 0; i < model_.things.size(); i++) {
    Expect(model_.things[i].dead, "dies with the last handle", i);
  }
}

void WeakGraph::CompareCounts() {
  const HeapStats stats = heap_.Stats();
  const Model::Counts& counts = model_.counts;
  Expect(stats.records_registered == counts.registered, "registered", stats.records_registered);
  Expect(stats.records_queued == counts.queued, "queued", stats.records_queued);
  Expect(stats.records_delivered == counts.delivered, "delivered", stats.records_delivered);
  Expect(stats.records_cancelled == counts.cancelled, "cancelled", stats.records_cancelled);
  Expect(stats.records_dropped == counts.dropped, "dropped", stats.records_dropped);
  Expect(counts.registered ==
             model_.CountRecords() + counts.delivered + counts.cancelled + counts.dropped,
         "no registration is lost", model_.CountRecords());
}

// ---- cycles ----

void WeakGraph::BeginCycle() {
  upper_ = model_.Nothing();
  marking_ = true;
  Note();
}

void WeakGraph::PassStep(CycleStep step) {
  if (marking_ && step >= CycleStep::kFlipped) FindDead();
  if (step >= CycleStep::kRecordsQueued) model_.QueueDue();
}

void WeakGraph::EndCycle() {
  PassStep(CycleStep::kSwept);
  for (std::size_t i = 0; i < model_.things.size(); i++) {
    Expect((*deaths_)[i] == (model_.things[i].dead ? 1 : 0), "is destroyed once, if dead", i);
  }
  Compare();
}

void WeakGraph::Note() {
  if (!marking_) return;
  upper_.things.resize(model_.things.size());
  upper_.registries.resize(model_.things.size());
  upper_ = model_.Closure(upper_);
}

void WeakGraph::Touch(int thing) {
  if (!marking_ || model_.IsDead(thing)) return;
  upper_.things[thing] = true;
  Note();
}

void WeakGraph::FindDead() {
  const Model::Life lower = model_.Closure();
  Model::Life dead = model_.Nothing();
  for (std::size_t i = 0; i < model_.things.size(); i++) {
    dead.things[i] = things_[i].Get() == nullptr;
    dead.registries[i] = registries_[i].Get() == nullptr;
    Expect(!(lower.things[i] && dead.things[i]), "lives but is found dead", i);
    Expect(!(lower.registries[i] && dead.registries[i]), "registry lives but is found dead", i);
    Expect(upper_.things[i] || dead.things[i], "has died but is found alive", i);
    Expect(upper_.registries[i] || dead.registries[i], "registry has died, is found alive", i);
    Expect(!model_.things[i].dead || dead.things[i], "is alive again", i);
  }
  model_.Bury(dead);
  marking_ = false;
}

// ---- getting at things ----

WeakGraph::Thing* WeakGraph::Go(int number) {
  const Model::Way way = ways_[number];
  Thing* found = nullptr;
  if (way.via == Model::Way::kRoot) {
    found = roots_[way.which];
  } else if (way.via == Model::Way::kSlot) {
    found = Go(way.from)->slots[way.which];
  } else {
    Thing* const from = Go(way.from);
    Thing* const key = Go(way.key);
    found = way.which == Model::kPlain ? from->plain->Get(key) : from->walked->Get(key);
  }
  Expect(found != nullptr && found->number() == number, "is where it belongs", number);
  return found;
}

int WeakGraph::Pick() {
  ways_ = model_.Ways();
  std::vector<int> reached;
  for (std::size_t i = 0; i < ways_.size(); i++) {
    if (ways_[i].via != Model::Way::kNowhere) reached.push_back(static_cast<int>(i));
  }
  return reached.empty() ? Model::kNone : reached[choices_.Below(reached.size())];
}

WeakGraphModel::Entry* WeakGraph::FindEntry(int from, std::size_t map, int key) {
  std::vector<Model::Entry>& entries = model_.things[from].maps[map];
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const Model::Entry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

// ---- views ----

void WeakGraph::Compare() {
  if (Pick() == Model::kNone) return;
  for (std::size_t i = 0; i < ways_.size(); i++) {
    if (ways_[i].via != Model::Way::kNowhere) CompareThing(static_cast<int>(i));
  }
}

void WeakGraph::CompareThing(int number) {
  const Model::Thing& expected = model_.things[number];
  Thing* const thing = Go(number);
  Expect((thing->weak.Get() == nullptr) == model_.IsDead(expected.weak), "weak slot", number);
  if (expected.ref.has_value()) {
    Expect(thing->ref->IsCleared() == model_.IsDead(*expected.ref), "weak reference", number);
  }
  Expect(thing->walked->size() == expected.maps[Model::kIterable].size(), "size", number);
  Expect(thing->cache->size() == expected.cache.size(), "a cache's size", number);
  for (const Model::Cached& cached : expected.cache) {
    const Thing* const found = thing->cache->Get(cached.key);
    Expect(found != nullptr && found->number() == cached.thing, "is still cached", cached.thing);
  }
  for (std::size_t i = 0; i < ways_.size(); i++) {
    if (ways_[i].via != Model::Way::kNowhere) CompareKey(number, static_cast<int>(i));
  }
}

void WeakGraph::CompareKey(int number, int key) {
  Thing* const thing = Go(number);
  Thing* const key_thing = Go(key);
  const auto compare = [&](std::size_t which, const auto& map) {
    const Model::Entry* const entry = FindEntry(number, which, key);
    Thing* const value = map.Get(key_thing);
    Expect(map.Has(key_thing) == (entry != nullptr), "Has", number);
    Expect((value == nullptr) == (entry == nullptr), "Get", number);
    if (entry != nullptr) Expect(value->number() == entry->value, "Get's value", number);
  };
  compare(Model::kPlain, *thing->plain);
  compare(Model::kIterable, *thing->walked);
  const std::vector<int>& set = model_.things[number].set;
  const bool in_set = std::find(set.begin(), set.end(), key) != set.end();
  Expect(thing->set->Has(key_thing) == in_set, "a set's Has", number);
}

}  // namespace elegy::test
