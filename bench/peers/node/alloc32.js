// alloc32: small objects, none retained.

'use strict';

const {PairNode, check, published, secondsSince} = require('./support.js');

// An object that may be published has to be allocated; publishing one in 256 is enough.
function allocate(objects) {
  let node = null;
  for (let i = 0; i < objects; i++) {
    node = new PairNode(null, null);
    node.first = i;
    node.second = i;
    if ((i & 255) === 0) published.object = node;
  }
  return node;
}

module.exports = (bench) => {
  const objects = bench.flag('objects', 100_000_000);
  const start = performance.now();
  const last = allocate(objects);
  bench.report(secondsSince(start), objects);
  check(last.first === objects - 1, 'the last object holds the last number');
};
