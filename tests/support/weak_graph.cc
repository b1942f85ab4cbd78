#include "tests/support/weak_graph.h"

#include <algorithm>
#include <optional>
#include <string>

namespace elegy::test {

using elegy::testing::CycleStep;
using elegy::testing::CycleStepper;

namespace {

void Expect(bool holds, const char* what, std::size_t thing) {
  if (!holds) throw WeakGraph::Mismatch(what + (": " + std::to_string(thing)));
}
void Expect(bool holds, const char* what, int thing) {
  Expect(holds, what, static_cast<std::size_t>(thing));
}

bool Contains(const std::vector<int>& numbers, int number) {
  return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

}  // namespace

WeakGraph::WeakGraph(Heap& heap, Mutator& mutator, Random random, const Model::Rules& rules)
    : heap_(heap), mutator_(mutator), random_(random), model_(rules), roots_(kMaxThings) {
  model_.roots.assign(kMaxThings, Model::kNone);
  const std::size_t size = 2 + random_.Below(kMaxThings * 2 / 3);
  for (std::size_t i = 0; i < size; i++) NewThing(/*root=*/i);
  const std::size_t density = 1 + random_.Below(6);
  Act(size * density);
  KeepOneHandleIn(8);
}

void WeakGraph::KeepOneHandleIn(std::size_t n) {
  for (std::size_t i = 0; i < kMaxThings; i++) {
    if (n == 0 || !random_.OneIn(n)) SetRoot(i, Model::kNone, nullptr);
  }
}

void WeakGraph::Act(std::size_t acts) {
  for (; acts > 0; acts--) {
    ActOnce();
    Note();
  }
}

void WeakGraph::RunCycle(std::size_t acts_per_step) {
  BeginCycle();
  CycleStepper stepper(heap_);
  for (int i = 0; i <= static_cast<int>(CycleStep::kSwept); i++) {
    const auto step = static_cast<CycleStep>(i);
    if (step != CycleStep::kSwept && random_.OneIn(3)) continue;
    stepper.AdvanceTo(step);
    PassStep(step);
    Act(random_.Below(acts_per_step + 1));
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
  EndTurn();
  Collect();
  // What is held for a callback dies after it, and may have one of its own.
  while (model_.CountQueued() > 0) {
    EndTurn();
    Collect();
  }
  for (std::size_t i = 0; i < model_.things.size(); i++) {
    Expect(model_.things[i].dead, "dies with the last handle", i);
  }
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
  return reached.empty() ? Model::kNone : reached[random_.Below(reached.size())];
}

WeakGraphModel::Entry* WeakGraph::FindEntry(int from, std::size_t map, int key) {
  std::vector<Model::Entry>& entries = model_.things[from].maps[map];
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const Model::Entry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

// ---- acts ----

void WeakGraph::ActOnce() {
  const int a = Pick();
  if (a == Model::kNone || random_.OneIn(16)) {
    if (model_.things.size() < kMaxThings) NewThing(random_.Below(kMaxThings));
    return;
  }
  const int b = Pick();
  const int c = Pick();
  const std::size_t root = random_.Below(kMaxThings);
  const std::size_t map = random_.Below(Model::kMaps);
  switch (random_.Below(20)) {
    case 0:
    case 1:
      return SetSlot(a, random_.Below(2), random_.OneIn(3) ? Model::kNone : b);
    case 2:
      return SetRoot(root, b, Go(b));
    case 3:
      return SetRoot(root, Model::kNone, nullptr);
    case 4:
      model_.things[a].weak = b;
      Go(a)->weak = Go(b);
      return;
    case 5:
      return NewRef(a, b);
    case 6:
    case 7:
    case 8:
      return SetEntry(a, map, b, c);
    case 9:
      return DeleteEntry(a, map, b);
    case 10:
      return AddToSet(a, b);
    case 11:
      return DeleteFromSet(a, b);
    case 12:
      return random_.OneIn(4) ? Clear(a) : Walk(a);
    case 13:
    case 14:
      return Register(a, b, random_.OneIn(3) ? Model::kNone : c);
    case 15:
      return Unregister(a, b);
    case 16:
    case 17:
      return Move(a);
    case 18:
      return random_.OneIn(2) ? ReadWeak(a) : ReadRef(a);
    default:
      return random_.OneIn(2) ? EndTurn() : Drain(random_.Below(4));
  }
}

void WeakGraph::NewThing(std::size_t root) {
  const int number = static_cast<int>(model_.things.size());
  const Persistent<Thing> thing(Make<Thing>(number, deaths_));
  thing->plain = Make<PlainMap>();
  thing->walked = Make<WalkedMap>();
  thing->set = Make<WeakSet<Thing>>();
  const bool has_registry = random_.OneIn(3);
  if (has_registry) {
    thing->registry = Make<Registry>([self = self_](const Held& held) {
      if (*self != nullptr) (*self)->Deliver(held);
    });
  }
  model_.things.emplace_back().has_registry = has_registry;
  things_.emplace_back(thing.get());
  registries_.emplace_back(thing->registry.get());
  SetRoot(root, number, thing);
}

void WeakGraph::SetRoot(std::size_t root, int number, Thing* thing) {
  roots_[root] = thing;
  model_.roots[root] = number;
}

void WeakGraph::SetSlot(int from, std::size_t which, int to) {
  Go(from)->slots[which] = to == Model::kNone ? nullptr : Go(to);
  model_.things[from].slots[which] = to;
}

void WeakGraph::Move(int number) {
  if (model_.things.size() == kMaxThings) return;
  const int to = static_cast<int>(model_.things.size());
  NewThing(random_.Below(kMaxThings));
  ways_ = model_.Ways();
  const Model::Way way = ways_[number];
  if (way.via == Model::Way::kNowhere) return;
  SetSlot(to, 0, number);
  if (way.via == Model::Way::kRoot) {
    SetRoot(way.which, Model::kNone, nullptr);
  } else if (way.via == Model::Way::kSlot) {
    SetSlot(way.from, way.which, Model::kNone);
  } else {
    DeleteEntry(way.from, way.which, way.key);
  }
}

void WeakGraph::NewRef(int from, int to) {
  const Persistent<Thing> target(Go(to));
  const Persistent<WeakRef<Thing>> ref(Make<WeakRef<Thing>>(target.get()));
  Go(from)->ref = ref;
  model_.things[from].ref = to;
  model_.turn.push_back(to);
}

void WeakGraph::SetEntry(int from, std::size_t map, int key, int value) {
  Thing* const thing = Go(from);
  const absl::Status set = map == Model::kPlain ? thing->plain->Set(Go(key), Go(value))
                                                : thing->walked->Set(Go(key), Go(value));
  Expect(set.ok(), "Set", from);
  if (Model::Entry* const entry = FindEntry(from, map, key)) {
    entry->value = value;
  } else {
    model_.things[from].maps[map].push_back({key, value});
  }
}

void WeakGraph::DeleteEntry(int from, std::size_t map, int key) {
  Thing* const thing = Go(from);
  const bool deleted =
      map == Model::kPlain ? thing->plain->Delete(Go(key)) : thing->walked->Delete(Go(key));
  Expect(deleted == (FindEntry(from, map, key) != nullptr), "Delete", from);
  std::erase_if(model_.things[from].maps[map],
                [&](const Model::Entry& entry) { return entry.key == key; });
}

void WeakGraph::AddToSet(int from, int key) {
  Expect(Go(from)->set->Add(Go(key)).ok(), "Add", from);
  std::vector<int>& set = model_.things[from].set;
  if (!Contains(set, key)) set.push_back(key);
}

void WeakGraph::DeleteFromSet(int from, int key) {
  const bool was_there = std::erase(model_.things[from].set, key) > 0;
  Expect(Go(from)->set->Delete(Go(key)) == was_there, "a set's Delete", from);
}

void WeakGraph::Clear(int from) {
  std::vector<Model::Entry>& entries = model_.things[from].maps[Model::kIterable];
  for (const Model::Entry& entry : entries) Touch(entry.value);
  Go(from)->walked->Clear();
  entries.clear();
}

void WeakGraph::Walk(int from) {
  const std::vector<Model::Entry>& entries = model_.things[from].maps[Model::kIterable];
  std::size_t visited = 0;
  Go(from)->walked->ForEach([&](Thing* key, Thing* value) {
    Expect(visited < entries.size(), "no more entries than there are", from);
    Expect(key->number() == entries[visited].key, "key in its place", from);
    Expect(value->number() == entries[visited].value, "value in its place", from);
    visited++;
  });
  Expect(visited == entries.size(), "all entries are visited", from);
  for (const Model::Entry& entry : entries) Touch(entry.key);
}

void WeakGraph::Register(int owner, int target, int token) {
  const int held = Pick();
  if (!model_.things[owner].has_registry) return;
  const Held value{records_, Go(held)};
  Thing* const thing = Go(owner);
  const absl::Status status = token == Model::kNone
                                  ? thing->registry->Register(Go(target), value)
                                  : thing->registry->Register(Go(target), value, Go(token));
  Expect(status.ok(), "Register", owner);
  model_.things[owner].records.push_back({records_++, target, held, token});
}

void WeakGraph::Unregister(int owner, int token) {
  if (!model_.things[owner].has_registry) return;
  const absl::StatusOr<bool> found = Go(owner)->registry->Unregister(Go(token));
  const std::size_t erased =
      std::erase_if(model_.things[owner].records,
                    [&](const Model::Record& record) { return record.token == token; });
  Expect(found.ok() && *found == (erased > 0), "Unregister", owner);
}

void WeakGraph::ReadWeak(int from) {
  const int target = model_.things[from].weak;
  if (target != Model::kNone) TakeUp(target, Go(from)->weak.Get());
}

void WeakGraph::ReadRef(int from) {
  const std::optional<int> target = model_.things[from].ref;
  if (!target.has_value()) return;
  Thing* const read = Go(from)->ref->Deref();
  if (read != nullptr) model_.turn.push_back(*target);
  TakeUp(*target, read);
}

void WeakGraph::TakeUp(int number, Thing* thing) {
  Expect((thing == nullptr) == model_.IsDead(number), "is read as null once dead", number);
  if (thing == nullptr) return;
  Expect(thing->number() == number, "is what the weak read leads to", number);
  Touch(number);
  if (random_.OneIn(3)) SetRoot(random_.Below(kMaxThings), number, thing);
}

void WeakGraph::EndTurn() {
  model_.turn.clear();
  const std::size_t before = model_.CountQueued();
  delivered_ = 0;
  mutator_.EndTurn(StackState::kNoPointers);
  Expect(delivered_ == before, "a turn's end delivers all that is queued", delivered_);
}

void WeakGraph::Drain(std::size_t limit) {
  const std::size_t expected = std::min(limit, model_.CountQueued());
  Expect(mutator_.DrainFinalization(limit) == expected, "a drain delivers so many", expected);
}

void WeakGraph::Deliver(const Held& held) {
  delivered_++;
  for (Model::Thing& thing : model_.things) {
    const auto record =
        std::find_if(thing.records.begin(), thing.records.end(),
                     [&](const Model::Record& each) { return each.number == held.record; });
    if (record == thing.records.end()) continue;
    const int number = record->held;
    Expect(record->state == Model::State::kQueued, "delivered once queued", record->target);
    Expect(things_[record->target].Get() == nullptr, "delivered once cleared", record->target);
    Expect(held.thing->number() == number, "delivered with its value", number);
    thing.records.erase(record);
    if (!ending_ && random_.OneIn(4)) SetRoot(random_.Below(kMaxThings), number, held.thing);
    return;
  }
  Expect(false, "delivered twice, or never to be delivered: record", held.record);
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
  Expect(thing->set->Has(key_thing) == Contains(model_.things[number].set, key), "a set's Has",
         number);
}

}  // namespace elegy::test
