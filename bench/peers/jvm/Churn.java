/** churn: a heap of a given live size in which random nodes are replaced; operations are timed. */
final class Churn implements Bench.Workload {
  // 48 bytes with its header and compressed references.
  private static final class Node {
    static final int BYTES = 48;

    final long key;
    Node next;
    Node second;
    Node third;
    long payloadFirst;
    long payloadSecond;

    Node(long key, Node next) {
      this.key = key;
      this.next = next;
    }
  }

  private Node[] table;

  private void fill(long liveMib) {
    table = new Node[(int) (liveMib * (1 << 20) / Node.BYTES)];
    for (int i = 0; i < table.length; i++) table[i] = new Node(0, null);
  }

  private static void replaceNodes(Node[] table, long operations, Histogram latency) {
    Random random = new Random(88172645463325252L);
    long last = System.nanoTime();
    for (long key = 1; key <= operations; key++) {
      int slot = random.below(table.length);
      int nextSlot = slot + 1 == table.length ? 0 : slot + 1;
      Node next = table[nextSlot];
      next.next = null;
      table[slot] = new Node(key, next);
      long now = System.nanoTime();
      latency.add(now - last);
      last = now;
    }
  }

  @Override
  public void run(Bench bench) throws Exception {
    if (table == null) fill(bench.flag("live_mib", 64));
    long operations = bench.flag("operations", 20_000_000);
    if (!bench.isLastRound()) operations /= 10;
    Histogram latency = new Histogram();
    long start = System.nanoTime();
    replaceNodes(table, operations, latency);
    bench.report(Bench.secondsSince(start), operations, latency.json());
    for (Node node : table) {
      Bench.check(node != null && node.key >= 0, "every slot holds a whole node");
    }
  }
}
