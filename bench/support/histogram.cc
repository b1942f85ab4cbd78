#include "bench/support/histogram.h"

#include <cmath>

namespace elegy::bench {

std::uint64_t Histogram::LargestIn(std::size_t bucket) {
  if (bucket < kSubBuckets) return bucket;
  const std::size_t shift = bucket / kSubBuckets - 1;
  const std::uint64_t next = kSubBuckets + bucket % kSubBuckets + 1;
  return (next << shift) - 1;
}

void Histogram::Add(const Histogram& other) {
  for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    counts_[bucket] += other.counts_[bucket];
  }
  total_ += other.total_;
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

double Histogram::QuantileUs(double quantile) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(quantile * static_cast<double>(total_)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    seen += counts_[bucket];
    if (seen >= wanted && seen > 0) {
      return static_cast<double>(std::min(LargestIn(bucket), max_ns_)) * 1e-3;
    }
  }
  return MaxUs();
}

}  // namespace elegy::bench
