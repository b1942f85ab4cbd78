// EXPECT: an aggregate with a base class, or whose first field converts from anything, needs a Trace
#include "elegy/elegy.h"

// From what could be either, neither.
struct Path {
  template <class T>
  Path(T*) {}
  template <class T>
  Path(T&&, int = 0) {}
};
template <>
inline constexpr bool elegy::kHasNoSlots<Path> = true;

struct Node {
  Path path;
  elegy::Member<Node> next;
};

Node* MakeNode() { return elegy::Make<Node>("a"); }
