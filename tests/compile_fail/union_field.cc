// EXPECT: a union needs a Trace in the class around it
#include "elegy/elegy.h"

union Either {
  int number;
  void* pointer;
};
struct Node {
  Either either;
};

Node* MakeNode() { return elegy::Make<Node>(); }
