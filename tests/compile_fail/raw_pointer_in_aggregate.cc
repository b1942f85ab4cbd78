// EXPECT: a raw pointer to a class type inside a managed object is nearly always a forgotten elegy::Member
#include "elegy/elegy.h"

struct Node {
  int value = 0;
  Node* next = nullptr;
};

Node* MakeNode() { return elegy::Make<Node>(); }
