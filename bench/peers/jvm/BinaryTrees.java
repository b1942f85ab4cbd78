import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** binary-trees, with the short-lived trees shared out over some threads. */
final class BinaryTrees implements Bench.Workload {
  private static final int MIN_DEPTH = 4;

  private static final class Node {
    final Node left;
    final Node right;

    Node(Node left, Node right) {
      this.left = left;
      this.right = right;
    }

    long count() {
      return left == null ? 1 : 1 + left.count() + right.count();
    }
  }

  private final int threads;

  BinaryTrees(int threads) {
    this.threads = threads;
  }

  static long treeSize(int depth) {
    return (2L << depth) - 1;
  }

  private static long treesOfDepth(int depth, int maxDepth) {
    return 1L << (maxDepth - depth + MIN_DEPTH);
  }

  private static Node build(int depth) {
    if (depth == 0) return new Node(null, null);
    return new Node(build(depth - 1), build(depth - 1));
  }

  private static long countTrees(int depth, long trees) {
    long nodes = 0;
    for (long i = 0; i < trees; i++) nodes += build(depth).count();
    return nodes;
  }

  private long shareOut(ExecutorService pool, int depth, long trees) throws Exception {
    List<Future<Long>> parts = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      parts.add(pool.submit(() -> countTrees(depth, trees / threads)));
    }
    long nodes = 0;
    for (Future<Long> part : parts) nodes += part.get();
    return nodes;
  }

  @Override
  public void run(Bench bench) throws Exception {
    int maxDepth = (int) bench.flag("depth", 18);
    ExecutorService pool = threads > 1 ? Executors.newFixedThreadPool(threads) : null;
    long expected = treeSize(maxDepth + 1) + treeSize(maxDepth);

    long start = System.nanoTime();
    long nodes = build(maxDepth + 1).count();
    Node longLived = build(maxDepth);
    for (int depth = MIN_DEPTH; depth <= maxDepth; depth += 2) {
      long trees = treesOfDepth(depth, maxDepth);
      nodes += pool == null ? countTrees(depth, trees) : shareOut(pool, depth, trees);
      expected += trees * treeSize(depth);
    }
    nodes += longLived.count();
    double seconds = Bench.secondsSince(start);

    if (pool != null) pool.shutdown();
    Bench.check(nodes == expected, "every node of every tree is counted");
    bench.report(seconds, nodes, "");
  }
}
