/** start: one object, and the end. */
final class Start implements Bench.Workload {
  @Override
  public void run(Bench bench) throws Exception {
    long start = System.nanoTime();
    Bench.published = new PairNode();
    bench.report(Bench.secondsSince(start), 1, "");
  }
}
