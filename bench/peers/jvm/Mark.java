/** mark: one full collection of a binary tree whose nodes were made in random order. */
final class Mark implements Bench.Workload {
  private PairNode root;

  private static PairNode buildScatteredTree(int objects) {
    PairNode[] nodes = new PairNode[objects];
    for (int i = 0; i < objects; i++) nodes[i] = new PairNode();
    int[] order = Random.permutation(objects);
    for (int i = 0; i < objects; i++) {
      PairNode node = nodes[order[i]];
      if (2L * i + 1 < objects) node.left = nodes[order[2 * i + 1]];
      if (2L * i + 2 < objects) node.right = nodes[order[2 * i + 2]];
    }
    return nodes[order[0]];
  }

  @Override
  public void run(Bench bench) throws Exception {
    int objects = (int) bench.flag("objects", 33_554_432);
    if (root == null) {
      root = buildScatteredTree(objects);
      System.gc();
    }
    long start = System.nanoTime();
    System.gc();
    bench.report(Bench.secondsSince(start), objects, "");
    Bench.check(PairNode.count(root) == objects, "the collection keeps every node");
  }
}
