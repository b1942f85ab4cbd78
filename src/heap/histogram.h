// A histogram of durations that any thread may add to: eight buckets to a doubling.

#ifndef ELEGY_SRC_HEAP_HISTOGRAM_H_
#define ELEGY_SRC_HEAP_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace elegy::internal {

// All orderings are relaxed: figures that carry nothing but themselves.
class AtomicMax {
 public:
  void Update(std::uint64_t value) {
    std::uint64_t seen = Get();
    while (value > seen &&
           !max_.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {  // as above
    }
  }
  std::uint64_t Get() const { return max_.load(std::memory_order_relaxed); }  // as above
  // The maximum so far; counting begins anew.
  std::uint64_t Take() { return max_.exchange(0, std::memory_order_relaxed); }  // as above

 private:
  std::atomic<std::uint64_t> max_{0};
};

// A figure that threads add to. Relaxed, as AtomicMax.
class Counter {
 public:
  void Add(std::uint64_t value) { value_.fetch_add(value, std::memory_order_relaxed); }  // as above
  void Subtract(std::uint64_t value) {
    value_.fetch_sub(value, std::memory_order_relaxed);  // as above
  }
  // By the only thread that changes it: who reads beside it sees the one value or the other.
  void Set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }  // as above
  std::uint64_t Get() const { return value_.load(std::memory_order_relaxed); }       // as above

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Histogram {
 public:
  void Add(std::uint64_t value) {
    buckets_[IndexOf(value)].Add(1);
    count_.Add(1);
    max_.Update(value);
  }

  std::uint64_t Count() const { return count_.Get(); }
  std::uint64_t Max() const { return max_.Get(); }

  // An upper bound of the value that this share of all values does not exceed.
  std::uint64_t Quantile(double share) const {
    const auto rank = static_cast<std::uint64_t>(share * static_cast<double>(Count()));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; i++) {
      seen += buckets_[i].Get();
      if (seen > rank) return std::min(UpperBound(i), Max());
    }
    return Max();
  }

 private:
  static constexpr std::size_t kBuckets = 496;  // 62 powers of two by 8

  static std::size_t IndexOf(std::uint64_t value) {
    if (value < 8) return value;
    const auto shift = static_cast<std::size_t>(std::bit_width(value)) - 4;
    return (shift + 1) * 8 + ((value >> shift) & 7);
  }
  static std::uint64_t UpperBound(std::size_t index) {
    if (index < 8) return index;
    const std::size_t shift = index / 8 - 1;
    return ((8 + index % 8 + 1) << shift) - 1;
  }

  std::array<Counter, kBuckets> buckets_;
  Counter count_;
  AtomicMax max_;
};

}  // namespace elegy::internal

#endif  // ELEGY_SRC_HEAP_HISTOGRAM_H_
