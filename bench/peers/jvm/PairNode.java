/** 32 bytes with its header and compressed references: two references and two integers. */
final class PairNode {
  PairNode left;
  PairNode right;
  int first;
  int second;

  PairNode() {}

  PairNode(PairNode left, PairNode right) {
    this.left = left;
    this.right = right;
  }

  static long count(PairNode node) {
    return node == null ? 0 : 1 + count(node.left) + count(node.right);
  }
}
