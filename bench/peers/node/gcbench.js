// gcbench: Ellis, Kovac and Boehm's.

'use strict';

const {PairNode, check, countNodes, published, secondsSince, treeSize} = require('./support.js');

const MIN_DEPTH = 4;
const NUMBERS = 500_000;

function growTopDown(depth, node) {
  if (depth === 0) return;
  node.left = new PairNode(null, null);
  node.right = new PairNode(null, null);
  growTopDown(depth - 1, node.left);
  growTopDown(depth - 1, node.right);
}

function makeTopDown(depth) {
  const root = new PairNode(null, null);
  growTopDown(depth, root);
  return root;
}

function makeBottomUp(depth) {
  if (depth === 0) return new PairNode(null, null);
  return new PairNode(makeBottomUp(depth - 1), makeBottomUp(depth - 1));
}

function makeShortLivedTrees(depth, stretchDepth) {
  const trees = Math.floor(2 * treeSize(stretchDepth) / treeSize(depth));
  for (let i = 0; i < trees; i++) published.object = makeTopDown(depth);
  for (let i = 0; i < trees; i++) published.object = makeBottomUp(depth);
  return 2 * trees * treeSize(depth);
}

module.exports = (bench) => {
  const stretchDepth = bench.flag('depth', 18);
  const maxDepth = stretchDepth - 2;

  const start = performance.now();
  published.object = makeBottomUp(stretchDepth);
  published.object = null;
  const longLived = makeTopDown(maxDepth);
  const numbers = new Float64Array(NUMBERS);
  for (let i = 0; i < NUMBERS / 2; i++) numbers[i] = 1 / (i + 1);
  let nodes = treeSize(stretchDepth) + treeSize(maxDepth);
  for (let depth = MIN_DEPTH; depth <= maxDepth; depth += 2) {
    nodes += makeShortLivedTrees(depth, stretchDepth);
  }
  const seconds = secondsSince(start);

  published.object = null;
  check(countNodes(longLived) === treeSize(maxDepth), 'the long-lived tree is whole');
  check(numbers[1000] === 1 / 1001, 'the long-lived array is whole');
  bench.report(seconds, nodes);
};
