// EXPECT: an aggregate with a reference that is not const
#include "elegy/elegy.h"

struct Log {
  int lines = 0;
};
struct Node {
  elegy::Member<Node> next;
  Log& log;
};

Node* MakeNode(Log& log) { return elegy::Make<Node>(nullptr, log); }
