// mark: one full collection of a binary tree whose nodes were made in random order.

'use strict';

const {randomPermutation} = require('./random.js');
const {check, countNodes, nextJob, secondsSince} = require('./support.js');

// With its header the object nearest to the 32 bytes of the other programs.
class Node {
  constructor() {
    this.left = null;
    this.right = null;
  }
}

let root = null;

function buildScatteredTree(objects) {
  const nodes = new Array(objects);
  for (let i = 0; i < objects; i++) nodes[i] = new Node();
  const order = randomPermutation(objects);
  for (let i = 0; i < objects; i++) {
    const node = nodes[order[i]];
    if (2 * i + 1 < objects) node.left = nodes[order[2 * i + 1]];
    if (2 * i + 2 < objects) node.right = nodes[order[2 * i + 2]];
  }
  return nodes[order[0]];
}

module.exports = async (bench) => {
  const objects = bench.flag('objects', 33_554_432);
  if (root === null) {
    root = buildScatteredTree(objects);
    await nextJob();
    gc();
  }
  const start = performance.now();
  gc();
  bench.report(secondsSince(start), objects);
  check(countNodes(root) === objects, 'the collection keeps every node');
};
