package main

import "time"

// Six words.
type churnNode struct {
	key                         int
	next, second, third         *churnNode
	payloadFirst, payloadSecond int
}

const churnNodeBytes = 48

func replaceNodes(table []*churnNode, operations int, latency *histogram) {
	numbers := defaultSeed
	start := time.Now()
	last := time.Duration(0)
	for key := 1; key <= operations; key++ {
		slot := numbers.below(len(table))
		nextSlot := slot + 1
		if nextSlot == len(table) {
			nextSlot = 0
		}
		next := table[nextSlot]
		next.next = nil
		table[slot] = &churnNode{key: key, next: next}
		now := time.Since(start)
		latency.add(int64(now - last))
		last = now
	}
}

// churn: a heap of a given live size in which random nodes are replaced; operations are timed.
func runChurn(b *bench) {
	table := make([]*churnNode, b.flag("live_mib", 64)<<20/churnNodeBytes)
	for i := range table {
		table[i] = &churnNode{payloadFirst: 1} // so that the node's memory is touched
	}
	operations := b.flag("operations", 20_000_000)
	var latency histogram
	start := time.Now()
	replaceNodes(table, operations, &latency)
	b.report(time.Since(start).Seconds(), operations, latency.figures())
	for _, node := range table {
		check(node.key <= operations, "every slot holds a whole node")
	}
}
