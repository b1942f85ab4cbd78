// finalize: objects registered, dropped and collected, to the last callback.

'use strict';

const {PairNode, check, nextJob, published, secondsSince} = require('./support.js');

const TIMEOUT_SECONDS = 30;

let callbacks = 0;
let heldSum = 0;
const registry = new FinalizationRegistry((held) => {
  callbacks++;
  heldSum += held;
});

// Leaves the objects to `published`; returns the time per registration.
function registerAll(objects) {
  const nodes = new Array(objects);
  for (let i = 0; i < objects; i++) nodes[i] = new PairNode(null, null);
  gc();
  const start = performance.now();
  for (let i = 0; i < objects; i++) registry.register(nodes[i], i);
  published.object = nodes;
  return secondsSince(start) * 1e9 / objects;
}

module.exports = async (bench) => {
  const objects = bench.flag('objects', 1_000_000);
  callbacks = 0;
  heldSum = 0;
  const registerNs = registerAll(objects);
  await nextJob();

  const start = performance.now();
  published.object = null;
  gc();
  while (callbacks < objects && secondsSince(start) < TIMEOUT_SECONDS) await nextJob();
  const seconds = secondsSince(start);

  check(callbacks === objects, 'every callback runs once');
  check(heldSum === objects * (objects - 1) / 2, 'every held value is delivered');
  bench.report(seconds, objects, {register_ns: registerNs});
};
