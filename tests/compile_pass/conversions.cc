// What converts to what, and how calls look with it.

#include <algorithm>
#include <array>
#include <concepts>
#include <iterator>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "elegy/elegy.h"

namespace elegy::compile_pass {

struct Base {
  int base = 0;
  void Trace(Visitor&) const {}
};
struct OtherBase {
  int other = 0;
};
struct Derived final : Base, OtherBase {};
struct Node {
  Member<Derived> derived;
};

template <class From, class To>
inline constexpr bool kConverts = std::is_convertible_v<From, To>;

static_assert(kConverts<Derived*, Member<Derived>> && kConverts<Derived*, Member<Base>>);
static_assert(kConverts<Member<Derived>, Member<Base>> && kConverts<Member<Derived>, Derived*>);
static_assert(kConverts<Member<Derived>, Base*> && !kConverts<Member<Base>, Derived*>);
static_assert(kConverts<Member<Derived>, OtherBase*> && kConverts<Member<Derived>, const Base*>);
static_assert(kConverts<Member<Derived>, Member<const Derived>>);
static_assert(kConverts<std::nullptr_t, Member<Derived>> && !kConverts<int, Member<Derived>>);
static_assert(kConverts<Member<Derived>, bool>);  // as a raw pointer
static_assert(kConverts<Persistent<Derived>, Persistent<Base>>);
static_assert(kConverts<Persistent<Derived>, Persistent<OtherBase>>);
static_assert(!kConverts<Persistent<Base>, Persistent<Derived>>);
static_assert(kConverts<Persistent<Derived>, Member<Derived>>);
static_assert(kConverts<Member<Derived>, Persistent<Derived>>);
static_assert(kConverts<Derived*, WeakPersistent<Derived>>);
static_assert(!kConverts<WeakPersistent<Derived>, Persistent<Derived>>);
static_assert(!kConverts<WeakMember<Derived>, Derived*>);
static_assert(kConverts<Member<Derived>, WeakMember<Base>>);
static_assert(kConverts<Persistent<Derived>, WeakMember<Derived>>);
static_assert(std::is_assignable_v<WeakMember<Base>&, Persistent<Derived>>);
static_assert(std::is_assignable_v<WeakMember<Derived>&, const Member<Derived>&>);
static_assert(!std::is_assignable_v<WeakMember<Derived>&, Member<Base>>);

static_assert(kConverts<Persistent<Derived>, WeakPersistent<Base>>);
static_assert(kConverts<Member<Derived>, WeakPersistent<OtherBase>>);
static_assert(kConverts<WeakPersistent<Derived>, WeakPersistent<Base>>);
static_assert(!kConverts<WeakPersistent<Base>, WeakPersistent<Derived>>);
static_assert(std::is_assignable_v<WeakPersistent<Base>&, const Persistent<Derived>&>);
static_assert(std::is_assignable_v<WeakPersistent<Derived>&, const Member<Derived>&>);
static_assert(std::is_assignable_v<WeakPersistent<Base>&, const WeakPersistent<Derived>&>);
static_assert(kConverts<WeakMember<Derived>, WeakMember<Base>>);
static_assert(!kConverts<WeakMember<Base>, WeakMember<Derived>>);
static_assert(std::is_assignable_v<WeakMember<Base>&, const WeakMember<Derived>&>);

constinit Persistent<Node> g_root = nullptr;
constinit WeakPersistent<Node> g_weak_root = nullptr;
static_assert(std::is_nothrow_constructible_v<Persistent<Node>, std::nullptr_t>);

static_assert(std::is_nothrow_move_constructible_v<Persistent<Node>>);
static_assert(std::is_nothrow_move_assignable_v<Persistent<Node>>);
static_assert(std::is_nothrow_move_constructible_v<WeakPersistent<Node>>);
static_assert(std::is_copy_constructible_v<WeakPersistent<Node>>);
static_assert(std::is_default_constructible_v<Registration>);
static_assert(!std::is_copy_constructible_v<Registration>);
static_assert(!std::is_copy_constructible_v<Heap> && !std::is_move_constructible_v<Mutator>);
static_assert(!std::is_copy_constructible_v<Array<int>>);
static_assert(!std::is_copy_constructible_v<WeakRef<Node>>);
static_assert(sizeof(Member<Node>) == sizeof(void*));
static_assert(sizeof(AtomicMember<Node>) == sizeof(void*));

// Deduction, comparison and calls, with raw pointers, Members and Persistents in every place.
void Use() {
  const Persistent root(Make<Node>());
  const Member member(root->derived);
  const Member from_raw(Make<Derived>());
  static_assert(std::same_as<decltype(from_raw), const Member<Derived>>);
  Base* const base = member;
  if (member == nullptr || nullptr != member || member == base || base != member) return;
  if (root == nullptr || root == Persistent<Node>() || !root || member == root->derived) return;
  auto* const map = Make<WeakMap<Base, std::string>>();
  map->Set(member, "value").IgnoreError();
  map->Set(from_raw, "value").IgnoreError();
  map->Get(root->derived);
  map->Get(nullptr);
  auto* const registry = Make<FinalizationRegistry<Member<Node>>>([](Member<Node>) {});
  registry->Register(member, root).IgnoreError();
  registry->Register(base, nullptr, root).IgnoreError();
  registry->Register(root->derived, root, member, {.external_bytes = 3}).IgnoreError();
  registry->Unregister(root->derived).IgnoreError();
  Make<WeakRef<Base>>(member)->RefersTo(from_raw);
  const Array<Member<Node>>* const array = MakeArray<Member<Node>>(3);
  for (const Member<Node>& each : *array) KeepAlive(each);
  const AtomicMember<Node>* const atomic = MakeArray<AtomicMember<Node>>(1)->begin();
  Node* const loaded = *atomic;
  KeepAlive(loaded);
  Member<Node> from_atomic;
  from_atomic = *atomic;
  Node* const either = root != nullptr ? *atomic : from_atomic;
  const std::unordered_set<Persistent<Node>> hashed = {root, either};
  const absl::flat_hash_set<Persistent<Node>> hashed_by_abseil = {root, either};
  if (hashed.contains(root) && hashed_by_abseil.contains(root)) g_root = root;
  g_weak_root = g_root;
  auto* const vector = Make<Vector<int>>();
  std::ranges::copy(std::array{1, 2}, std::back_inserter(*vector));
  if (std::as_const(*vector).back() != 2) return;
}

}  // namespace elegy::compile_pass
