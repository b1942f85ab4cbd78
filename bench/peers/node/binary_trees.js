// binary-trees: the benchmarks game's.

'use strict';

const {check, secondsSince, treeSize} = require('./support.js');

const MIN_DEPTH = 4;

class TreeNode {
  constructor(left, right) {
    this.left = left;
    this.right = right;
  }
}

function count(node) {
  return node.left === null ? 1 : 1 + count(node.left) + count(node.right);
}

function build(depth) {
  if (depth === 0) return new TreeNode(null, null);
  return new TreeNode(build(depth - 1), build(depth - 1));
}

function countTrees(depth, trees) {
  let nodes = 0;
  for (let i = 0; i < trees; i++) nodes += count(build(depth));
  return nodes;
}

module.exports = (bench) => {
  const maxDepth = bench.flag('depth', 18);
  let expected = treeSize(maxDepth + 1) + treeSize(maxDepth);

  const start = performance.now();
  let nodes = count(build(maxDepth + 1));
  const longLived = build(maxDepth);
  for (let depth = MIN_DEPTH; depth <= maxDepth; depth += 2) {
    const trees = 2 ** (maxDepth - depth + MIN_DEPTH);
    nodes += countTrees(depth, trees);
    expected += trees * treeSize(depth);
  }
  nodes += count(longLived);
  const seconds = secondsSince(start);

  check(nodes === expected, 'every node of every tree is counted');
  bench.report(seconds, nodes);
};
