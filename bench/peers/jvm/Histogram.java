/** A histogram of durations, with the buckets of bench/support/histogram.h. */
final class Histogram {
  private static final int SUB_BITS = 6;
  private static final int SUB_BUCKETS = 1 << SUB_BITS;

  private final long[] counts = new long[(64 - SUB_BITS + 1) * SUB_BUCKETS];
  private long total;
  private long maxNs;

  void add(long ns) {
    counts[bucket(ns)]++;
    total++;
    maxNs = Math.max(maxNs, ns);
  }

  void add(Histogram other) {
    for (int i = 0; i < counts.length; i++) counts[i] += other.counts[i];
    total += other.total;
    maxNs = Math.max(maxNs, other.maxNs);
  }

  String json() {
    return Bench.number("p50_us", quantileUs(0.5))
        + Bench.number("p99_us", quantileUs(0.99))
        + Bench.number("p999_us", quantileUs(0.999))
        + Bench.number("p9999_us", quantileUs(0.9999))
        + Bench.number("max_us", maxNs * 1e-3);
  }

  private double quantileUs(double quantile) {
    long wanted = (long) Math.ceil(quantile * total);
    long seen = 0;
    for (int i = 0; i < counts.length; i++) {
      seen += counts[i];
      if (seen >= wanted && seen > 0) return Math.min(largestIn(i), maxNs) * 1e-3;
    }
    return maxNs * 1e-3;
  }

  private static int bucket(long value) {
    if (value < SUB_BUCKETS) return (int) value;
    int shift = 63 - Long.numberOfLeadingZeros(value) - SUB_BITS;
    return (shift + 1) * SUB_BUCKETS + (int) ((value >>> shift) & (SUB_BUCKETS - 1));
  }

  private static long largestIn(int bucket) {
    if (bucket < SUB_BUCKETS) return bucket;
    return ((long) (SUB_BUCKETS + bucket % SUB_BUCKETS + 1) << (bucket / SUB_BUCKETS - 1)) - 1;
  }
}
