// EXPECT: this type needs a public 'void Trace\(elegy::Visitor&\) const', or to be an aggregate
#include <memory>

#include "elegy/elegy.h"

struct Node {
  int value = 0;
};
struct Deleter {
  elegy::Member<Node> pool;
  void operator()(int* number) const { delete number; }
};
struct Owner {
  std::unique_ptr<int, Deleter> number;
};

Owner* MakeOwner() { return elegy::Make<Owner>(); }
