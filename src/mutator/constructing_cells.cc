#include "src/mutator/constructing_cells.h"

#include <algorithm>

#include "elegy/internal/weak_cell.h"

namespace elegy::internal {

namespace {

// In a cell's address: its object is under construction.
constexpr std::uintptr_t kStays = 1;

bool Holds(const ConstructionNode& node, std::uintptr_t cell) {
  return cell - reinterpret_cast<std::uintptr_t>(node.object) < node.bytes;
}

}  // namespace

void ConstructingCells::Add(WeakCell& cell, const ConstructionNode& innermost) {
  if (innermost.outer == nullptr) {
    while (!cells_.empty() && !Holds(innermost, cells_.back())) cells_.pop_back();
  }
  if (cells_.size() >= limit_) Prune(&innermost);
  cells_.push_back(reinterpret_cast<std::uintptr_t>(&cell));
}

void ConstructingCells::Prune(const ConstructionNode* innermost) noexcept {
  std::sort(cells_.begin(), cells_.end());
  cells_.erase(std::unique(cells_.begin(), cells_.end()), cells_.end());
  std::size_t depth = 0;
  for (const ConstructionNode* node = innermost; node != nullptr; node = node->outer, depth++) {
    const auto begin = reinterpret_cast<std::uintptr_t>(node->object);
    auto cell = std::lower_bound(cells_.begin(), cells_.end(), begin);
    for (; cell != cells_.end() && Holds(*node, *cell); ++cell) *cell |= kStays;
  }
  std::erase_if(cells_, [](std::uintptr_t cell) { return (cell & kStays) == 0; });
  for (std::uintptr_t& cell : cells_) cell &= ~kStays;
  limit_ = std::max(kFirstLimit, 2 * (cells_.size() + depth));
}

void ConstructingCells::AppendTo(std::vector<WeakCell*>& cells) const {
  for (const std::uintptr_t cell : cells_) cells.push_back(reinterpret_cast<WeakCell*>(cell));
}

}  // namespace elegy::internal
