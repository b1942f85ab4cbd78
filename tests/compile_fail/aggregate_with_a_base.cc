// EXPECT: an aggregate with a base class, or whose first field converts from anything, needs a Trace
#include "elegy/elegy.h"

struct Leaf {
  int value = 0;
};
struct Base {
  elegy::Member<Leaf> leaf;
};
struct Derived : Base {
  elegy::Member<Leaf> other;
};

Derived* MakeDerived() { return elegy::Make<Derived>(); }
