// EXPECT: a managed type is not const or volatile
#include "elegy/elegy.h"

struct Node {
  int value = 0;
};

void MakeConst() { elegy::Make<const Node>(); }
