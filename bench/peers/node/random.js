// Marsaglia's xorshift64 in two halves: the same numbers as those of bench/support/random.h.

'use strict';

class Random {
  constructor(seed = 88172645463325252n) {
    this.high = Number(seed >> 32n) | 0;
    this.low = Number(seed & 0xffffffffn) | 0;
  }

  // A number below `limit`, which is at most 2^32.
  below(limit) {
    let high = this.high;
    let low = this.low;
    high ^= (high << 13) | (low >>> 19);
    low ^= low << 13;
    low ^= (low >>> 7) | (high << 25);
    high ^= high >>> 7;
    high ^= (high << 17) | (low >>> 15);
    low ^= low << 17;
    this.high = high;
    this.low = low;
    // high * limit / 2^32, rounded down, in steps that a double holds exactly.
    const lower = Math.floor((high & 0xffff) * limit / 0x10000);
    return Math.floor(((high >>> 16) * limit + lower) / 0x10000);
  }
}

// The numbers below `size` in a random order, the same in every run.
function randomPermutation(size) {
  const order = new Uint32Array(size);
  for (let i = 0; i < size; i++) order[i] = i;
  const random = new Random(1234567891011n);
  for (let i = size; i > 1; i--) {
    const other = random.below(i);
    const swapped = order[i - 1];
    order[i - 1] = order[other];
    order[other] = swapped;
  }
  return order;
}

module.exports = {Random, randomPermutation};
