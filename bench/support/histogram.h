// A histogram of durations with a relative error below 1/64, cheap enough to add to after every
// operation of some hundred nanoseconds.

#ifndef ELEGY_BENCH_SUPPORT_HISTOGRAM_H_
#define ELEGY_BENCH_SUPPORT_HISTOGRAM_H_

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace elegy::bench {

class Histogram {
 public:
  Histogram() : counts_(kBuckets, 0) {}

  void Add(std::uint64_t ns) {
    ++counts_[Bucket(ns)];
    ++total_;
    max_ns_ = std::max(max_ns_, ns);
  }

  // All of the other's.
  void Add(const Histogram& other);

  // The largest duration of the bucket that holds the `quantile`, in microseconds.
  double QuantileUs(double quantile) const;
  double MaxUs() const { return static_cast<double>(max_ns_) * 1e-3; }
  std::uint64_t total() const { return total_; }

 private:
  // Values below 64 have a bucket each; above, each power of two is cut into 64 buckets.
  static constexpr int kSubBits = 6;
  static constexpr std::size_t kSubBuckets = std::size_t{1} << kSubBits;
  static constexpr std::size_t kBuckets = (64 - kSubBits + 1) * kSubBuckets;

  static std::size_t Bucket(std::uint64_t value) {
    if (value < kSubBuckets) return static_cast<std::size_t>(value);
    const int shift = std::bit_width(value) - 1 - kSubBits;
    const std::size_t sub = static_cast<std::size_t>(value >> shift) & (kSubBuckets - 1);
    return static_cast<std::size_t>(shift + 1) * kSubBuckets + sub;
  }

  static std::uint64_t LargestIn(std::size_t bucket);

  std::vector<std::uint64_t> counts_;
  std::uint64_t total_ = 0;
  std::uint64_t max_ns_ = 0;
};

}  // namespace elegy::bench

#endif  // ELEGY_BENCH_SUPPORT_HISTOGRAM_H_
