// EXPECT: an aggregate .*with a C array.* needs a Trace|a C array as a field needs a std::array
#include "elegy/elegy.h"

struct Node {
  int value = 0;
  elegy::Member<Node> next[1];
};

Node* MakeNode() { return elegy::Make<Node>(); }
