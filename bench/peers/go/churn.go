package main

import (
	"sync"
	"time"
)

// Six words.
type churnNode struct {
	key                         int
	next, second, third         *churnNode
	payloadFirst, payloadSecond int
}

const churnNodeBytes = 48

func replaceNodes(table []*churnNode, operations int, numbers random, latency *histogram) {
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

func makeTable(length int) []*churnNode {
	table := make([]*churnNode, length)
	for i := range table {
		table[i] = &churnNode{payloadFirst: 1} // so that the node's memory is touched
	}
	return table
}

// churn: a heap of a given live size in which random nodes are replaced; operations are timed.
// Several threads replace nodes of a table each.
func runChurn(b *bench) {
	threads := b.flag("threads", 1)
	operations := b.flag("operations", 20_000_000) / threads
	tables := make([][]*churnNode, threads)
	for i := range tables {
		tables[i] = makeTable(b.flag("live_mib", 64) << 20 / churnNodeBytes / threads)
	}
	latencies := make([]histogram, threads)
	start := time.Now()
	var running sync.WaitGroup
	for i := range tables {
		running.Add(1)
		go func(i int) {
			replaceNodes(tables[i], operations, defaultSeed+random(i), &latencies[i])
			running.Done()
		}(i)
	}
	running.Wait()
	seconds := time.Since(start).Seconds()
	for i := range latencies[1:] {
		latencies[0].addAll(&latencies[1+i])
	}
	b.report(seconds, operations*threads, latencies[0].figures())
	for _, table := range tables {
		for _, node := range table {
			check(node.key <= operations, "every slot holds a whole node")
		}
	}
}
