#include "tests/misuse/poisoned_plain_node.h"

#include "elegy/elegy.h"

namespace elegy::test {
namespace {

struct PlainNode {
  std::int64_t value = 0;
};

}  // namespace

std::int64_t* MakePlainNode() { return &Make<PlainNode>()->value; }

}  // namespace elegy::test
