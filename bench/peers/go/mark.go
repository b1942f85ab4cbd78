package main

import (
	"runtime"
	"time"
)

func buildScatteredTree(objects int) *pairNode {
	nodes := make([]*pairNode, objects)
	for i := range nodes {
		nodes[i] = &pairNode{}
	}
	order := randomPermutation(objects)
	for i := range order {
		node := nodes[order[i]]
		if 2*i+1 < objects {
			node.left = nodes[order[2*i+1]]
		}
		if 2*i+2 < objects {
			node.right = nodes[order[2*i+2]]
		}
	}
	return nodes[order[0]]
}

// mark: one full collection of a binary tree whose nodes were made in random order.
func runMark(b *bench) {
	objects := b.flag("objects", 33_554_432)
	root := buildScatteredTree(objects)
	runtime.GC()

	start := time.Now()
	runtime.GC()
	b.report(time.Since(start).Seconds(), objects, "")
	check(root.count() == objects, "the collection keeps every node")
}
