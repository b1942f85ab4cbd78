// A histogram of durations, with the buckets of bench/support/histogram.h up to 2^31 ns.

'use strict';

const SUB_BITS = 6;
const SUB_BUCKETS = 1 << SUB_BITS;
const MAX_NS = 2 ** 31 - 1;

function bucket(ns) {
  if (ns < SUB_BUCKETS) return ns;
  const shift = 31 - Math.clz32(ns) - SUB_BITS;
  return (shift + 1) * SUB_BUCKETS + ((ns >> shift) & (SUB_BUCKETS - 1));
}

function largestIn(index) {
  if (index < SUB_BUCKETS) return index;
  const shift = Math.floor(index / SUB_BUCKETS) - 1;
  return (SUB_BUCKETS + index % SUB_BUCKETS + 1) * 2 ** shift - 1;
}

class Histogram {
  constructor() {
    this.counts = new Uint32Array((32 - SUB_BITS + 1) * SUB_BUCKETS);
    this.total = 0;
    this.maxMs = 0;
  }

  add(ms) {
    this.counts[bucket(Math.min(Math.floor(ms * 1e6), MAX_NS) | 0)]++;
    this.total++;
    if (ms > this.maxMs) this.maxMs = ms;
  }

  quantileUs(quantile) {
    const wanted = Math.ceil(quantile * this.total);
    let seen = 0;
    for (let i = 0; i < this.counts.length; i++) {
      seen += this.counts[i];
      if (seen >= wanted && seen > 0) return Math.min(largestIn(i) * 1e-3, this.maxMs * 1e3);
    }
    return this.maxMs * 1e3;
  }

  figures() {
    return {
      p50_us: this.quantileUs(0.5),
      p99_us: this.quantileUs(0.99),
      p999_us: this.quantileUs(0.999),
      p9999_us: this.quantileUs(0.9999),
      max_us: this.maxMs * 1e3,
    };
  }
}

module.exports = {Histogram};
