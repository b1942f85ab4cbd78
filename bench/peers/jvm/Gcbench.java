/** gcbench: Ellis, Kovac and Boehm's. */
final class Gcbench implements Bench.Workload {
  private static final int MIN_DEPTH = 4;
  private static final int NUMBERS = 500_000;

  private static void growTopDown(int depth, PairNode node) {
    if (depth == 0) return;
    node.left = new PairNode();
    node.right = new PairNode();
    growTopDown(depth - 1, node.left);
    growTopDown(depth - 1, node.right);
  }

  private static PairNode makeTopDown(int depth) {
    PairNode root = new PairNode();
    growTopDown(depth, root);
    return root;
  }

  private static PairNode makeBottomUp(int depth) {
    if (depth == 0) return new PairNode();
    return new PairNode(makeBottomUp(depth - 1), makeBottomUp(depth - 1));
  }

  private static long makeShortLivedTrees(int depth, int stretchDepth) {
    long trees = 2 * BinaryTrees.treeSize(stretchDepth) / BinaryTrees.treeSize(depth);
    for (long i = 0; i < trees; i++) Bench.published = makeTopDown(depth);
    for (long i = 0; i < trees; i++) Bench.published = makeBottomUp(depth);
    return 2 * trees * BinaryTrees.treeSize(depth);
  }

  @Override
  public void run(Bench bench) throws Exception {
    int stretchDepth = (int) bench.flag("depth", 18);
    int maxDepth = stretchDepth - 2;

    long start = System.nanoTime();
    Bench.published = makeBottomUp(stretchDepth);
    Bench.published = null;
    PairNode longLived = makeTopDown(maxDepth);
    double[] numbers = new double[NUMBERS];
    for (int i = 0; i < NUMBERS / 2; i++) numbers[i] = 1.0 / (i + 1);
    long nodes = BinaryTrees.treeSize(stretchDepth) + BinaryTrees.treeSize(maxDepth);
    for (int depth = MIN_DEPTH; depth <= maxDepth; depth += 2) {
      nodes += makeShortLivedTrees(depth, stretchDepth);
    }
    double seconds = Bench.secondsSince(start);

    Bench.published = null;
    Bench.check(
        PairNode.count(longLived) == BinaryTrees.treeSize(maxDepth),
        "the long-lived tree is whole");
    Bench.check(numbers[1000] == 1.0 / 1001, "the long-lived array is whole");
    bench.report(seconds, nodes, "");
  }
}
