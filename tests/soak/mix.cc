#include "tests/soak/mix.h"

#include <cstdio>
#include <cstdlib>
#include <new>
#include <thread>

#include "absl/status/status.h"

namespace elegy::test {

namespace {

constexpr std::size_t kSlots = 2000;
constexpr std::size_t kLargeArray = 10'000;

RegistryOptions OnAnyMutator() {
  RegistryOptions options;
  options.run_on = RegistryOptions::RunOn::kAnyMutator;
  return options;
}

void MustWork(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) throw std::bad_alloc();
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::abort();
}

}  // namespace

Mix::Mix(const Census& census, std::atomic<std::uint64_t>& callbacks)
    : census_(census),
      slots_(MakeArray<AtomicMember<Node>>(kSlots)),
      map_(Make<IterableWeakMap<Node, Member<Node>>>()),
      set_(Make<WeakSet<Node>>()),
      cache_(Make<WeakCache<std::size_t, Node>>()),
      registry_(Make<FinalizationRegistry<std::uint64_t>>(
          [&callbacks](std::uint64_t) { callbacks++; }, OnAnyMutator())) {}

void Mix::Act(Random& random) {
  AtomicMember<Node>& slot = (*slots_)[random.Below(kSlots)];
  Node* const node = slot.load();
  if (node == nullptr || random.OneIn(4)) {
    slot.store(MakeNode(node, random));
    return;
  }
  if (node->counted.id() == 0) {
    std::fprintf(stderr, "a live object has been destroyed\n");
    std::abort();
  }
  ActOn(node, slot, random);
}

Mix::Node* Mix::MakeNode(Node* other, Random& random) {
  Node* const made = Make<Node>(random.Next() | 1, census_);
  if (other == nullptr) return made;
  if (random.OneIn(2)) made->next = other;
  if (random.OneIn(4)) made->reference = Make<WeakRef<Node>>(other);
  made->weak = other;
  return made;
}

void Mix::ActOn(Node* node, AtomicMember<Node>& slot, Random& random) {
  switch (random.Below(12)) {
    case 0:
      node->next = nullptr;
      break;
    case 1:
      if (Node* const weak = node->weak.Get()) slot.store(weak);
      break;
    case 2:
      MustWork(map_->Set(node, Member<Node>(node->next)));
      break;
    case 3:
      cache_->GetOrMake(random.Below(kSlots), [&](std::size_t) { return node; });
      break;
    case 4:
      MustWork(registry_->Register(node, random.Next(), node));
      break;
    case 5:
      MustWork(registry_->Unregister(node).status());
      break;
    case 6:
      slot.store(cache_->Get(random.Below(kSlots)));
      break;
    case 7:
      if (!set_->Has(node)) MustWork(set_->Add(node));
      break;
    case 8:
      if (WeakRef<Node>* const reference = node->reference) slot.store(reference->Deref());
      break;
    case 9:
      map_->Delete(node);
      break;
    case 10:
      ActSeldom(node, random);
      break;
    default:
      slot.store((*slots_)[random.Below(kSlots)].load());
  }
}

void Mix::ActSeldom(Node* node, Random& random) {
  if (random.OneIn(64)) {
    (*MakeArray<Member<Node>>(kLargeArray))[0] = node;
  } else if (random.OneIn(16)) {
    const BlockingRegion region(Mutator::Current());
    std::this_thread::yield();
  } else {
    const WeakPersistent<Node> weak(node);
    (*slots_)[random.Below(kSlots)].store(weak.Get());
  }
}

}  // namespace elegy::test
