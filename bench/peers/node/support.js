// What the workloads share.

'use strict';

// Objects go here so that the compiler cannot leave their allocation out.
const published = {object: null};

function check(holds, what) {
  if (!holds) throw new Error(`wrong result: ${what}`);
}

function secondsSince(startMs) {
  return (performance.now() - startMs) * 1e-3;
}

// The next job: a weak reference keeps its target alive until the job that read it ends.
function nextJob() {
  return new Promise((resolve) => setImmediate(resolve));
}

// Two references and two integers.
class PairNode {
  constructor(left, right) {
    this.left = left;
    this.right = right;
    this.first = 0;
    this.second = 0;
  }
}

// Nodes of the tree below `node`, itself included.
function countNodes(node) {
  return node === null ? 0 : 1 + countNodes(node.left) + countNodes(node.right);
}

// Nodes of a full binary tree.
function treeSize(depth) {
  return 2 ** (depth + 1) - 1;
}

module.exports = {PairNode, check, countNodes, nextJob, published, secondsSince, treeSize};
