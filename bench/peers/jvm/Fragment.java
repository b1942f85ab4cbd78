/**
 * fragment: the objects' size changes over time. While objects of one size are made, those of the
 * last size are dropped, but for some at random places, which live until their size comes again.
 */
final class Fragment implements Bench.Workload {
  private static final int[] WORDS = {6, 10, 16, 26, 42, 68, 110};
  private static final int HEADER_WORDS = 2;
  private static final int REFERENCE_BYTES = 4;

  private long[][][] nodes; // by size
  private long[] live;
  private long made;
  private long maxLiveBytes;
  private Random random;

  private void replace(int oldSize, int newSize, long bytes, long survivorsPercent) {
    int words = WORDS[newSize];
    int slots = (int) (bytes / (8 * words));
    long[][] made = nodes[newSize] = new long[slots][];
    live[newSize] = 0;
    int dropped = 0;
    for (int i = 0; i < slots; i++) {
      made[i] = new long[words - HEADER_WORDS];
      made[i][0] = i;
      live[newSize]++;
      for (; (long) dropped * slots < (i + 1L) * nodes[oldSize].length; dropped++) {
        dropMaybe(oldSize, dropped, survivorsPercent);
      }
    }
    this.made += slots;
    maxLiveBytes = Math.max(maxLiveBytes, liveBytes());
  }

  private void dropMaybe(int size, int slot, long survivorsPercent) {
    Bench.check(nodes[size][slot][0] == slot, "every object holds its number");
    if (random.below(100) < survivorsPercent) return;
    nodes[size][slot] = null;
    live[size]--;
  }

  private long liveBytes() {
    long bytes = 0;
    for (int size = 0; size < WORDS.length; size++) {
      bytes += 8 * WORDS[size] * live[size] + (long) REFERENCE_BYTES * nodes[size].length;
    }
    return bytes;
  }

  @Override
  public void run(Bench bench) throws Exception {
    long bytes = bench.flag("live_mib", 64) << 20;
    long survivorsPercent = bench.flag("survivors", 10);
    long passes = bench.flag("passes", 4);
    nodes = new long[WORDS.length][0][];
    live = new long[WORDS.length];
    made = 0;
    maxLiveBytes = 0;
    random = new Random(Random.DEFAULT_SEED);

    long start = System.nanoTime();
    for (long pass = 0; pass < passes; pass++) {
      for (int size = 0; size < WORDS.length; size++) {
        replace((size + WORDS.length - 1) % WORDS.length, size, bytes, survivorsPercent);
      }
    }
    double seconds = Bench.secondsSince(start);
    double liveMib = maxLiveBytes / 1048576.0;
    bench.report(seconds, made, Bench.number("live_mb", liveMib)
        + Bench.number("memory_ratio", Bench.peakResidentMib() / liveMib));
  }
}
