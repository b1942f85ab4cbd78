// start: one object, and the end.

'use strict';

const {PairNode, published, secondsSince} = require('./support.js');

module.exports = (bench) => {
  const start = performance.now();
  published.object = new PairNode(null, null);
  bench.report(secondsSince(start), 1);
};
