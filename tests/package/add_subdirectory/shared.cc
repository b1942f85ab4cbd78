#include "shared.h"

Node* MakeInLibrary(int value) { return elegy::Make<Node>(nullptr, value); }

void StoreInLibrary(Node* from, Node* to) { from->next = to; }
