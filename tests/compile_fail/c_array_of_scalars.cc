// EXPECT: an aggregate .*with a C array.* needs a Trace|a C array as a field needs a std::array
#include "elegy/elegy.h"

struct Node {
  elegy::Member<Node> next;
  char name[16] = "";
  int value = 0;
};

Node* MakeNode() { return elegy::Make<Node>(); }
