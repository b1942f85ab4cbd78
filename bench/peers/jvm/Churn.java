import java.util.ArrayList;
import java.util.List;

/**
 * churn: a heap of a given live size in which random nodes are replaced; operations are timed.
 * Several threads replace nodes of a table each.
 */
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

  private Node[][] tables; // one for each thread

  private void fill(int threads, long liveMib) {
    int length = (int) (liveMib * (1 << 20) / Node.BYTES / threads);
    tables = new Node[threads][length];
    for (Node[] table : tables) {
      for (int i = 0; i < length; i++) table[i] = new Node(0, null);
    }
  }

  private static void replaceNodes(Node[] table, long operations, long seed, Histogram latency) {
    Random random = new Random(seed);
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

  // Each thread its own table, the calling one the first.
  private Histogram replaceAll(long operations) throws InterruptedException {
    Histogram[] latencies = new Histogram[tables.length];
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < tables.length; i++) latencies[i] = new Histogram();
    for (int i = 1; i < tables.length; i++) {
      int index = i;
      threads.add(new Thread(() ->
          replaceNodes(tables[index], operations, Random.DEFAULT_SEED + index, latencies[index])));
    }
    for (Thread thread : threads) thread.start();
    replaceNodes(tables[0], operations, Random.DEFAULT_SEED, latencies[0]);
    for (Thread thread : threads) thread.join();
    for (int i = 1; i < tables.length; i++) latencies[0].add(latencies[i]);
    return latencies[0];
  }

  @Override
  public void run(Bench bench) throws Exception {
    if (tables == null) fill((int) bench.flag("threads", 1), bench.flag("live_mib", 64));
    long operations = bench.flag("operations", 20_000_000) / tables.length;
    if (!bench.isLastRound()) operations /= 10;
    long start = System.nanoTime();
    Histogram latency = replaceAll(operations);
    bench.report(Bench.secondsSince(start), operations * tables.length, latency.json());
    for (Node[] table : tables) {
      for (Node node : table) {
        Bench.check(node != null && node.key >= 0, "every slot holds a whole node");
      }
    }
  }
}
