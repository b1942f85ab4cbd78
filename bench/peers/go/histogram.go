package main

import (
	"math"
	"math/bits"
)

const (
	subBits    = 6
	subBuckets = 1 << subBits
)

// A histogram of durations, with the buckets of bench/support/histogram.h.
type histogram struct {
	counts [(64 - subBits + 1) * subBuckets]int
	total  int
	maxNs  int64
}

func (h *histogram) add(ns int64) {
	h.counts[bucket(ns)]++
	h.total++
	if ns > h.maxNs {
		h.maxNs = ns
	}
}

func (h *histogram) addAll(other *histogram) {
	for i, count := range other.counts {
		h.counts[i] += count
	}
	h.total += other.total
	if other.maxNs > h.maxNs {
		h.maxNs = other.maxNs
	}
}

func (h *histogram) figures() string {
	return number("p50_us", h.quantileUs(0.5)) + number("p99_us", h.quantileUs(0.99)) +
		number("p999_us", h.quantileUs(0.999)) + number("p9999_us", h.quantileUs(0.9999)) +
		number("max_us", float64(h.maxNs)*1e-3)
}

func (h *histogram) quantileUs(quantile float64) float64 {
	wanted := int(math.Ceil(quantile * float64(h.total)))
	seen := 0
	for i, count := range h.counts {
		seen += count
		if seen >= wanted && seen > 0 {
			return math.Min(float64(largestIn(i)), float64(h.maxNs)) * 1e-3
		}
	}
	return float64(h.maxNs) * 1e-3
}

func bucket(value int64) int {
	if value < subBuckets {
		return int(value)
	}
	shift := bits.Len64(uint64(value)) - 1 - subBits
	return (shift+1)*subBuckets + int(value>>shift)&(subBuckets-1)
}

func largestIn(index int) int64 {
	if index < subBuckets {
		return int64(index)
	}
	return int64(subBuckets+index%subBuckets+1)<<(index/subBuckets-1) - 1
}
