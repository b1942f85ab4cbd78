#include "tests/fuzz/driver.h"

#include "elegy/elegy.h"
#include "tests/support/choices.h"
#include "tests/support/heap_fixture.h"
#include "tests/support/weak_graph.h"

namespace elegy::test {

namespace {

void Step(WeakGraph& graph, ByteChoices& choices) {
  switch (choices.Below(8)) {
    case 0:
      graph.RunCycle(/*acts_per_step=*/8);
      return graph.CompareCounts();
    case 1:
      graph.Collect();
      return graph.CompareCounts();
    case 2:
      return graph.KeepOneHandleIn(2);
    default:
      return graph.Act(1 + choices.Below(8));
  }
}

}  // namespace

std::string RunBytes(std::span<const std::uint8_t> bytes, const WeakGraphModel::Rules& rules) {
  ByteChoices choices(bytes);
  HeapOptions options;
  options.marker_threads = 1 + static_cast<int>(choices.Below(2));
  options.conservative_stacks = false;
  options.max_heap_bytes = std::size_t{64} << 20;
  Heap heap(TestOptions(options));
  const Mutator mutator(heap);
  WeakGraph graph(heap, choices, rules);
  graph.AddPartner();
  try {
    while (!choices.AtEnd()) Step(graph, choices);
    graph.EndEverything();
    graph.CompareCounts();
    return "";
  } catch (const WeakGraph::Mismatch& mismatch) {
    return mismatch.what();
  }
}

}  // namespace elegy::test
