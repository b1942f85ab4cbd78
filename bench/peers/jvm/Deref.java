import java.lang.ref.WeakReference;

/** deref: live weak references read in random order. */
final class Deref implements Bench.Workload {
  private static long readAll(WeakReference<PairNode>[] references, int[] order) {
    long live = 0;
    for (int index : order) {
      if (references[index].get() != null) live++;
    }
    return live;
  }

  @SuppressWarnings({"rawtypes", "unchecked"}) // there are no arrays of a generic type
  private static WeakReference<PairNode>[] referTo(PairNode[] nodes) {
    WeakReference<PairNode>[] references = new WeakReference[nodes.length];
    for (int i = 0; i < nodes.length; i++) references[i] = new WeakReference<>(nodes[i]);
    return references;
  }

  @Override
  public void run(Bench bench) throws Exception {
    int objects = (int) bench.flag("objects", 1_000_000);
    long passes = bench.flag("passes", 20);
    PairNode[] nodes = new PairNode[objects];
    for (int i = 0; i < objects; i++) nodes[i] = new PairNode();
    WeakReference<PairNode>[] references = referTo(nodes);
    Bench.published = nodes;
    int[] order = Random.permutation(objects);
    System.gc();

    long live = 0;
    long start = System.nanoTime();
    for (long pass = 0; pass < passes; pass++) live += readAll(references, order);
    bench.report(Bench.secondsSince(start), passes * objects, "");
    Bench.check(live == passes * objects, "every target is live");
  }
}
