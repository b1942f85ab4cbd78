// Runs one workload on Node: node --expose-gc bench.js WORKLOAD [LIVE_MIB] [--name=number ...]
//
// The workloads are those of bench/workloads. The measured part runs several times in the process
// (--rounds), and each round prints a line of JSON: the first is measured while the code is still
// being compiled, the last is the figure to compare. Threads of Node share no heap, so that there
// is no workload with several.

'use strict';

const fs = require('fs');

const WORKLOADS = {
  'alloc32': './alloc32.js',
  'binary-trees': './binary_trees.js',
  'churn': './churn.js',
  'deref': './deref.js',
  'ephemeron': './ephemeron.js',
  'finalize': './finalize.js',
  'gcbench': './gcbench.js',
  'mark': './mark.js',
  'start': './start.js',
};

class Bench {
  constructor(words) {
    this.workload = words[0];
    this.flags = new Map();
    this.round = 0;
    for (const word of words.slice(1)) {
      const [name, number] = word.startsWith('--') ? word.slice(2).split('=') : ['live_mib', word];
      if (!/^\d+$/.test(number)) throw new Error(`a flag needs a number: ${word}`);
      this.flags.set(name, Number(number));
    }
  }

  flag(name, fallback) {
    return this.flags.get(name) ?? fallback;
  }

  report(seconds, ops, figures = {}) {
    const name = this.workload === 'churn' ? `churn-${this.flag('live_mib', 64)}` : this.workload;
    const cpu = process.cpuUsage();
    console.log(JSON.stringify({
      peer: 'node',
      workload: name,
      round: this.round,
      seconds,
      ops,
      ns_per_op: seconds * 1e9 / ops,
      ...figures,
      cpu_s: (cpu.user + cpu.system) * 1e-6,
      peak_rss_mb: peakResidentMib(),
      ok: true,
    }));
  }

  get rounds() {
    return this.flag('rounds', 3);
  }

  get isLastRound() {
    return this.round === this.rounds;
  }

  async runRounds() {
    const file = WORKLOADS[this.workload];
    if (file === undefined) throw new Error(`unknown workload: ${this.workload}`);
    const run = require(file);
    for (this.round = 1; this.round <= this.rounds; this.round++) await run(this);
  }
}

function peakResidentMib() {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  return Number(/^VmHWM:\s+(\d+)/m.exec(status)[1]) / 1024;
}

new Bench(process.argv.slice(2)).runRounds().catch((error) => {
  console.error(error);
  process.exit(1);
});
