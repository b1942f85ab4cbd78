// EXPECT: an aggregate with a reference that is not const
#include "elegy/elegy.h"

struct Log {
  int lines = 0;
};
inline Log g_log;

struct Node {
  Log& log = g_log;
  elegy::Member<Node> next;
};

Node* MakeNode() { return elegy::Make<Node>(); }
