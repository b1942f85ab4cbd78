// What converts to what, and how calls look with it.

#include <concepts>
#include <string>
#include <type_traits>
#include <utility>

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
}

}  // namespace elegy::compile_pass
