/** alloc32: objects of 32 bytes, none retained. */
final class Alloc32 implements Bench.Workload {
  // An object that may be published has to be allocated; publishing one in 256 is enough.
  private static PairNode allocate(long objects) {
    PairNode node = null;
    for (long i = 0; i < objects; i++) {
      node = new PairNode();
      node.first = (int) i;
      node.second = (int) i;
      if ((i & 255) == 0) Bench.published = node;
    }
    return node;
  }

  @Override
  public void run(Bench bench) throws Exception {
    long objects = bench.flag("objects", 100_000_000);
    long start = System.nanoTime();
    PairNode last = allocate(objects);
    bench.report(Bench.secondsSince(start), objects, "");
    Bench.check(last.first == (int) (objects - 1), "the last object holds the last number");
  }
}
