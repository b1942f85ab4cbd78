// deref: live weak references read in random order, each pass in a job of its own. A pass takes
// about a second, and so there are few.

'use strict';

const {randomPermutation} = require('./random.js');
const {PairNode, check, nextJob, published, secondsSince} = require('./support.js');

function readAll(references, order) {
  let live = 0;
  for (let i = 0; i < order.length; i++) {
    if (references[order[i]].deref() !== undefined) live++;
  }
  return live;
}

module.exports = async (bench) => {
  const objects = bench.flag('objects', 1_000_000);
  const passes = bench.flag('passes', 2);
  const nodes = new Array(objects);
  for (let i = 0; i < objects; i++) nodes[i] = new PairNode(null, null);
  const references = nodes.map((node) => new WeakRef(node));
  published.object = nodes;
  const order = randomPermutation(objects);
  await nextJob();
  gc();

  let live = 0;
  let seconds = 0;
  for (let pass = 0; pass < passes; pass++) {
    await nextJob();
    const start = performance.now();
    live += readAll(references, order);
    seconds += secondsSince(start);
  }
  bench.report(seconds, passes * objects);
  check(live === passes * objects, 'every target is live');
};
