// EXPECT: with a first field of a type that not just
#include <cstddef>

#include "elegy/elegy.h"

class Token {
 public:
  explicit Token(int, int) {}

 private:
  Token(std::nullptr_t);
  template <class T>
  Token(T) = delete;
};
template <>
inline constexpr bool elegy::kHasNoSlots<Token> = true;

struct Node {
  Token token{1, 2};
  elegy::Member<Node> next;
};

Node* MakeNode() { return elegy::Make<Node>(); }
