// EXPECT: this type needs a public 'void Trace\(elegy::Visitor&\) const'
#include <memory>

#include "elegy/elegy.h"

struct Leaf {
  int value = 0;
};
struct Inner {
  elegy::Member<Leaf> leaf;
};
struct Outer {
  std::unique_ptr<Inner> inner;
};

Outer* MakeOuter() { return elegy::Make<Outer>(); }
