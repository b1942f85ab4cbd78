#include <cstdio>
#include <string>
#include <thread>

#include <elegy/elegy.h>

struct Person {  // an aggregate: its slots are found by themselves
  elegy::Member<Person> friend_of;
  std::string name;
};

int main() {
  elegy::Heap heap;
  elegy::Mutator mutator(heap);  // attaches this thread

  elegy::Persistent<Person> ada = elegy::Make<Person>(nullptr, "Ada");
  ada->friend_of = elegy::Make<Person>(ada, "Grace");  // a cycle: no problem

  elegy::Persistent registry = elegy::Make<elegy::FinalizationRegistry<std::string>>(
      [](const std::string& name) { std::printf("%s is gone\n", name.c_str()); });
  if (!registry->Register(ada->friend_of, "Grace").ok()) return 1;
  elegy::Persistent weak = elegy::Make<elegy::WeakRef<Person>>(ada->friend_of);

  std::thread([&heap, &ada] {  // another mutator of the same heap
    elegy::Mutator other(heap);
    ada->friend_of = nullptr;
  })
      .join();

  mutator.EndTurn();                             // weak references keep their turn's targets
  heap.Collect(elegy::StackState::kNoPointers);  // nobody's stack is needed, nobody is stopped
  std::printf("cleared: %s\n", weak->IsCleared() ? "yes" : "no");
  mutator.Safepoint();  // prints "Grace is gone"
}
