// ephemeron: a weak map whose values refer back to their keys: filled, read in random order, half
// of it dropped and collected.

'use strict';

const {randomPermutation} = require('./random.js');
const {check, nextJob, secondsSince} = require('./support.js');

const WATCHED = 1000; // weak references to so many keys that die, and to so many that live

function insertAll(map, keys) {
  for (const key of keys) map.set(key, {key, number: key.number});
}

function lookUpAll(map, keys, order) {
  let found = 0;
  for (let i = 0; i < order.length; i++) {
    const key = keys[order[i]];
    if (key !== null && map.get(key).number === key.number) found++;
  }
  return found;
}

function makeKeys(entries) {
  const keys = new Array(entries);
  for (let i = 0; i < entries; i++) keys[i] = {number: i, unused: 0};
  return keys;
}

function dropEverySecond(keys) {
  for (let i = 0; i < keys.length; i += 2) keys[i] = null;
}

module.exports = async (bench) => {
  const entries = bench.flag('objects', 1_000_000);
  const keys = makeKeys(entries);
  const map = new WeakMap();
  const order = randomPermutation(entries);
  const watched = keys.slice(0, 2 * WATCHED).map((key) => new WeakRef(key));
  await nextJob();
  gc();

  const inserting = performance.now();
  insertAll(map, keys);
  const insertSeconds = secondsSince(inserting);

  const lookingUp = performance.now();
  const found = lookUpAll(map, keys, order);
  const lookUpSeconds = secondsSince(lookingUp);
  check(found === entries, 'every key is found');

  dropEverySecond(keys);
  await nextJob();
  const collecting = performance.now();
  gc();
  const collectSeconds = secondsSince(collecting);

  check(watched.every((reference, i) => (reference.deref() === undefined) === (i % 2 === 0)),
    'every dropped key is gone, and no other');
  check(lookUpAll(map, keys, order) === Math.floor(entries / 2),
    'every other key is still found');
  bench.report(insertSeconds + lookUpSeconds + collectSeconds, entries, {
    insert_ns: insertSeconds * 1e9 / entries,
    lookup_ns: lookUpSeconds * 1e9 / entries,
    collect_ms: collectSeconds * 1e3,
  });
};
