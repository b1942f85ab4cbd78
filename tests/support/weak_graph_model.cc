#include "tests/support/weak_graph_model.h"

#include <algorithm>

namespace elegy::test {

namespace {

std::size_t CountQueuedOf(const WeakGraphModel::Thing& thing) {
  return static_cast<std::size_t>(std::count_if(
      thing.records.begin(), thing.records.end(),
      [](const auto& record) { return record.state == WeakGraphModel::State::kQueued; }));
}

}  // namespace

WeakGraphModel::Life WeakGraphModel::Nothing() const {
  return {std::vector<bool>(things.size()), std::vector<bool>(things.size())};
}

WeakGraphModel::Life WeakGraphModel::Closure(const Life& also) const {
  Life life = also;
  bool grows = true;
  const auto live = [&](bool condition, int thing) {
    if (!condition || thing == kNone || life.things[thing]) return;
    life.things[thing] = grows = true;
  };
  for (const int root : roots) live(true, root);
  for (const std::vector<int>& turn : turns) {
    for (const int kept : turn) live(rules_.turn_keeps, kept);
  }
  while (grows) {
    grows = false;
    for (std::size_t i = 0; i < things.size(); i++) {
      const Thing& thing = things[i];
      const bool lives = life.things[i];
      for (const int target : thing.slots) live(lives, target);
      if (!rules_.member_is_weak) live(lives, thing.weak);
      for (const std::vector<Entry>& map : thing.maps) {
        for (const Entry& entry : map) {
          const bool by_key = !rules_.value_needs_key || life.things[entry.key];
          live(lives && by_key && rules_.value_is_kept, entry.value);
        }
      }
      for (const Cached& cached : thing.cache) live(lives && !rules_.cache_is_weak, cached.thing);
      const bool pending = CountQueuedOf(thing) > 0;
      if (!life.registries[i] && thing.has_registry &&
          (lives || (pending && rules_.queue_is_a_root))) {
        life.registries[i] = grows = true;
      }
      for (const Record& record : thing.records) {
        live(life.registries[i] && rules_.held_is_kept, record.held);
        if (!rules_.target_is_weak && record.state == State::kWaiting) {
          live(life.registries[i], record.target);
        }
      }
    }
  }
  return life;
}

std::vector<WeakGraphModel::Way> WeakGraphModel::Ways() const {
  std::vector<Way> ways(things.size());
  bool grows = true;
  const auto reach = [&](int thing, const Way& way) {
    if (thing == kNone || ways[thing].via != Way::kNowhere) return;
    ways[thing] = way;
    grows = true;
  };
  for (std::size_t i = 0; i < roots.size(); i++) reach(roots[i], {Way::kRoot, kNone, i, kNone});
  while (grows) {
    grows = false;
    for (std::size_t i = 0; i < things.size(); i++) {
      if (ways[i].via == Way::kNowhere) continue;
      const int from = static_cast<int>(i);
      for (std::size_t j = 0; j < 2; j++) {
        reach(things[i].slots[j], {Way::kSlot, from, j, kNone});
      }
      for (std::size_t map = 0; map < kMaps; map++) {
        for (const Entry& entry : things[i].maps[map]) {
          if (ways[entry.key].via == Way::kNowhere) continue;
          reach(entry.value, {Way::kEntry, from, map, entry.key});
        }
      }
    }
  }
  return ways;
}

void WeakGraphModel::Bury(const Life& dead) {
  for (std::size_t i = 0; i < things.size(); i++) {
    things[i].dead = things[i].dead || dead.things[i];
    things[i].registry_dead = things[i].registry_dead || dead.registries[i];
  }
  for (Thing& thing : things) {
    for (std::vector<Entry>& map : thing.maps) {
      std::erase_if(map, [&](const Entry& entry) { return IsDead(entry.key); });
    }
    std::erase_if(thing.set, [&](int key) { return IsDead(key); });
    std::erase_if(thing.cache, [&](const Cached& cached) { return IsDead(cached.thing); });
    if (thing.registry_dead) {
      counts.dropped += thing.records.size();
      thing.records.clear();
    }
    for (Record& record : thing.records) {
      if (record.state == State::kWaiting && IsDead(record.target)) record.state = State::kDue;
    }
  }
}

void WeakGraphModel::QueueDue() {
  for (Thing& thing : things) {
    for (Record& record : thing.records) {
      if (record.state != State::kDue) continue;
      record.state = State::kQueued;
      counts.queued++;
    }
  }
}

std::size_t WeakGraphModel::CountQueued() const {
  std::size_t queued = 0;
  for (const Thing& thing : things) queued += CountQueuedOf(thing);
  return queued;
}

std::size_t WeakGraphModel::CountQueuedFor(std::size_t mutator) const {
  std::size_t queued = 0;
  for (const Thing& thing : things) {
    if (thing.home.value_or(mutator) == mutator) queued += CountQueuedOf(thing);
  }
  return queued;
}

std::size_t WeakGraphModel::CountRecords() const {
  std::size_t records = 0;
  for (const Thing& thing : things) records += thing.records.size();
  return records;
}

}  // namespace elegy::test
