// What is done to a graph and to its reference alike.

#include <algorithm>
#include <exception>
#include <optional>
#include <string>

#include "tests/support/weak_graph.h"

namespace elegy::test {

void WeakGraph::ActOnce() {
  const int a = Pick();
  if (a == Model::kNone || choices_.OneIn(16)) {
    if (model_.things.size() < kMaxThings) NewThing(choices_.Below(kMaxThings));
    return;
  }
  const int b = Pick();
  const int c = Pick();
  const std::size_t root = choices_.Below(kMaxThings);
  const std::size_t map = choices_.Below(Model::kMaps);
  switch (choices_.Below(26)) {
    case 0:
    case 1:
      return SetSlot(a, choices_.Below(2), choices_.OneIn(3) ? Model::kNone : b);
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
      return choices_.OneIn(4) ? Clear(a) : Walk(a);
    case 13:
    case 14:
      return Register(a, b, choices_.OneIn(3) ? Model::kNone : c);
    case 15:
      return Unregister(a, b);
    case 16:
    case 17:
      return Move(a);
    case 18:
      return choices_.OneIn(2) ? ReadWeak(a) : ReadRef(a);
    case 19:
    case 20:
      return CacheOne(a, choices_.Below(kCacheKeys), b);
    case 21:
      return ReadCache(a, choices_.Below(kCacheKeys));
    case 22:
    case 23:
      return Settle(a);
    case 24:
      return CleanUp(a, choices_.Below(4));
    default:
      return choices_.OneIn(2) ? EndTurn() : Drain(choices_.Below(4));
  }
}

// What the act throws is thrown here.
void WeakGraph::OnPartner(const std::function<void()>& act) {
  std::exception_ptr failure;
  here_ = 1;
  partner_->Do([&] {
    try {
      act();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  here_ = 0;
  if (failure != nullptr) std::rethrow_exception(failure);
}

void WeakGraph::ReplacePartner() {
  partner_.reset();
  model_.turns[1].clear();
  for (Model::Thing& thing : model_.things) {
    if (thing.home == 1) thing.home.reset();
  }
  AddPartner();
}

void WeakGraph::NewThing(std::size_t root) {
  const int number = static_cast<int>(model_.things.size());
  const Persistent<Thing> thing(Make<Thing>(number, deaths_));
  thing->plain = Make<PlainMap>();
  thing->walked = Make<WalkedMap>();
  thing->set = Make<WeakSet<Thing>>();
  thing->cache = Make<WeakCache<std::size_t, Thing>>();
  const bool has_registry = choices_.OneIn(3);
  if (has_registry) {
    thing->registry = Make<Registry>([self = self_](const Held& held) {
      if (*self != nullptr) (*self)->Deliver(held);
    });
  }
  Model::Thing& added = model_.things.emplace_back();
  added.has_registry = has_registry;
  added.home = here_;
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
  NewThing(choices_.Below(kMaxThings));
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
  model_.turns[here_].push_back(to);
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
  if (std::find(set.begin(), set.end(), key) == set.end()) set.push_back(key);
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

void WeakGraph::CacheOne(int from, std::size_t key, int thing) {
  std::vector<Model::Cached>& cache = model_.things[from].cache;
  const auto found = std::find_if(cache.begin(), cache.end(),
                                  [&](const Model::Cached& cached) { return cached.key == key; });
  const int expected = found == cache.end() ? thing : found->thing;
  const Thing* const got = Go(from)->cache->GetOrMake(key, [&](std::size_t) { return Go(thing); });
  Expect(got->number() == expected, "is cached", expected);
  if (found == cache.end()) cache.push_back({key, thing});
  Touch(expected);
}

void WeakGraph::ReadCache(int from, std::size_t key) {
  Thing* const read = Go(from)->cache->Get(key);
  for (const Model::Cached& cached : model_.things[from].cache) {
    if (cached.key == key) return TakeUp(cached.thing, read);
  }
  Expect(read == nullptr, "has nothing cached", from);
}

void WeakGraph::Register(int owner, int target, int token) {
  const int held = Pick();
  if (!model_.things[owner].has_registry) return;
  const Held value{records_, Go(held)};
  Registry& registry = *Go(owner)->registry;
  const bool is_tracked = token == Model::kNone && choices_.OneIn(2);
  if (is_tracked) {
    absl::StatusOr<Registration> registration = registry.Track(Go(target), value);
    Expect(registration.ok(), "Track", owner);
    registrations_[records_] = *std::move(registration);
  } else {
    const absl::Status status = token == Model::kNone
                                    ? registry.Register(Go(target), value)
                                    : registry.Register(Go(target), value, Go(token));
    Expect(status.ok(), "Register", owner);
  }
  model_.things[owner].records.push_back({records_++, target, held, token, is_tracked});
  model_.counts.registered++;
}

void WeakGraph::Unregister(int owner, int token) {
  if (!model_.things[owner].has_registry) return;
  const absl::StatusOr<bool> found = Go(owner)->registry->Unregister(Go(token));
  const std::size_t erased =
      std::erase_if(model_.things[owner].records,
                    [&](const Model::Record& record) { return record.token == token; });
  Expect(found.ok() && *found == (erased > 0), "Unregister", owner);
  model_.CountCancelled(erased);
}

void WeakGraph::Settle(int owner) {
  std::vector<int> tracked;
  for (const Model::Record& record : model_.things[owner].records) {
    if (record.is_tracked) tracked.push_back(record.number);
  }
  if (tracked.empty()) return;
  const int record = tracked[choices_.Below(tracked.size())];
  Registration registration = std::move(registrations_[record]);
  registrations_.erase(record);
  if (choices_.OneIn(2)) {
    Expect(registration.Cancel(), "Cancel", record);
    Forget(model_.things[owner], record);
    model_.CountCancelled(1);
  } else {
    running_now_ = record;
    Expect(registration.RunNow(), "RunNow", record);
    Expect(!running_now_.has_value(), "RunNow runs the callback", record);
  }
}

void WeakGraph::CleanUp(int owner, std::size_t limit) {
  if (!model_.things[owner].has_registry) return;
  const std::vector<Model::Record>& records = model_.things[owner].records;
  const auto queued = static_cast<std::size_t>(std::count_if(
      records.begin(), records.end(),
      [](const Model::Record& record) { return record.state == Model::State::kQueued; }));
  const std::size_t expected = std::min(limit, queued);
  Expect(Go(owner)->registry->CleanupSome(limit) == expected, "cleans up so many", expected);
}

void WeakGraph::ReadWeak(int from) {
  const int target = model_.things[from].weak;
  if (target != Model::kNone) TakeUp(target, Go(from)->weak.Get());
}

void WeakGraph::ReadRef(int from) {
  const std::optional<int> target = model_.things[from].ref;
  if (!target.has_value()) return;
  Thing* const read = Go(from)->ref->Deref();
  if (read != nullptr) model_.turns[here_].push_back(*target);
  TakeUp(*target, read);
}

void WeakGraph::TakeUp(int number, Thing* thing) {
  Expect((thing == nullptr) == model_.IsDead(number), "is read as null once dead", number);
  if (thing == nullptr) return;
  Expect(thing->number() == number, "is what the weak read leads to", number);
  Touch(number);
  if (choices_.OneIn(3)) SetRoot(choices_.Below(kMaxThings), number, thing);
}

void WeakGraph::EndTurn() {
  model_.turns[here_].clear();
  const std::size_t before = model_.CountQueuedFor(here_);
  delivered_ = 0;
  Mutator::Current().EndTurn(StackState::kNoPointers);
  Expect(delivered_ == before, "a turn's end delivers all that is queued", delivered_);
}

void WeakGraph::EndTurns() {
  EndTurn();
  if (partner_.has_value()) OnPartner([this] { EndTurn(); });
}

void WeakGraph::Drain(std::size_t limit) {
  const std::size_t expected = std::min(limit, model_.CountQueuedFor(here_));
  Expect(Mutator::Current().DrainFinalization(limit) == expected, "a drain delivers so many",
         expected);
}

void WeakGraph::Deliver(const Held& held) {
  delivered_++;
  for (Model::Thing& thing : model_.things) {
    const auto record =
        std::find_if(thing.records.begin(), thing.records.end(),
                     [&](const Model::Record& each) { return each.number == held.record; });
    if (record == thing.records.end()) continue;
    const int number = record->held;
    if (running_now_ == held.record) {
      running_now_.reset();
    } else {
      Expect(record->state == Model::State::kQueued, "delivered once queued", record->target);
      Expect(things_[record->target].Get() == nullptr, "delivered once cleared", record->target);
    }
    Expect(held.thing->number() == number, "delivered with its value", number);
    Forget(thing, held.record);
    model_.counts.delivered++;
    if (!ending_ && choices_.OneIn(4)) SetRoot(choices_.Below(kMaxThings), number, held.thing);
    return;
  }
  Expect(false, "delivered twice, or never to be delivered: record", held.record);
}

void WeakGraph::Forget(Model::Thing& owner, int record) {
  std::erase_if(owner.records, [&](const Model::Record& each) { return each.number == record; });
}

}  // namespace elegy::test
