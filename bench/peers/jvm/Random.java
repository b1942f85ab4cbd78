/** Marsaglia's xorshift64: the same numbers as those of bench/support/random.h. */
final class Random {
  static final long DEFAULT_SEED = 88172645463325252L;

  private long state;

  Random(long seed) {
    state = seed;
  }

  int below(long limit) {
    state ^= state << 13;
    state ^= state >>> 7;
    state ^= state << 17;
    return (int) (((state >>> 32) * limit) >>> 32);
  }

  static int[] permutation(int size) {
    int[] order = new int[size];
    for (int i = 0; i < size; i++) order[i] = i;
    Random random = new Random(1234567891011L);
    for (int i = size; i > 1; i--) {
      int other = random.below(i);
      int swapped = order[i - 1];
      order[i - 1] = order[other];
      order[other] = swapped;
    }
    return order;
  }
}
