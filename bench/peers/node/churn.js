// churn: a heap of a given live size in which random nodes are replaced; operations are timed.

'use strict';

const {Histogram} = require('./histogram.js');
const {Random} = require('./random.js');
const {check, secondsSince} = require('./support.js');

const NODE_BYTES = 48; // elsewhere: here an object's header takes three words of its own

class Node {
  constructor(key, next) {
    this.key = key;
    this.next = next;
    this.second = null;
    this.third = null;
    this.payloadFirst = 0;
    this.payloadSecond = 0;
  }
}

let table = null;

function fill(liveMib) {
  table = new Array(Math.floor(liveMib * 2 ** 20 / NODE_BYTES));
  for (let i = 0; i < table.length; i++) table[i] = new Node(0, null);
}

function replaceNodes(nodes, operations, latency) {
  const random = new Random();
  let last = performance.now();
  for (let key = 1; key <= operations; key++) {
    const slot = random.below(nodes.length);
    const nextSlot = slot + 1 === nodes.length ? 0 : slot + 1;
    const next = nodes[nextSlot];
    next.next = null;
    nodes[slot] = new Node(key, next);
    const now = performance.now();
    latency.add(now - last);
    last = now;
  }
}

module.exports = (bench) => {
  if (table === null) fill(bench.flag('live_mib', 64));
  const allOperations = bench.flag('operations', 20_000_000);
  const operations = bench.isLastRound ? allOperations : Math.floor(allOperations / 10);
  const latency = new Histogram();
  const start = performance.now();
  replaceNodes(table, operations, latency);
  bench.report(secondsSince(start), operations, latency.figures());
  check(table.every((node) => node.key <= allOperations), 'every slot holds a whole node');
};
