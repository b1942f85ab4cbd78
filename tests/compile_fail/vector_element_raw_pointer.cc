// EXPECT: a raw pointer to a class type inside a managed object is nearly always a forgotten elegy::Member|a managed object is a class or scalar object
#include "elegy/elegy.h"

struct Node {
  int value = 0;
};

void Push(elegy::Vector<Node*>* vector, Node* node) { vector->push_back(node); }
