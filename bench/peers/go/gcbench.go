package main

import "time"

func growTopDown(depth int, node *pairNode) {
	if depth == 0 {
		return
	}
	node.left = &pairNode{}
	node.right = &pairNode{}
	growTopDown(depth-1, node.left)
	growTopDown(depth-1, node.right)
}

func makeTopDown(depth int) *pairNode {
	root := &pairNode{}
	growTopDown(depth, root)
	return root
}

func makeBottomUp(depth int) *pairNode {
	if depth == 0 {
		return &pairNode{}
	}
	return &pairNode{left: makeBottomUp(depth - 1), right: makeBottomUp(depth - 1)}
}

func makeShortLivedTrees(depth, stretchDepth int) int {
	trees := 2 * treeSize(stretchDepth) / treeSize(depth)
	for i := 0; i < trees; i++ {
		published = makeTopDown(depth)
	}
	for i := 0; i < trees; i++ {
		published = makeBottomUp(depth)
	}
	return 2 * trees * treeSize(depth)
}

// gcbench: Ellis, Kovac and Boehm's.
func runGcbench(b *bench) {
	const count = 500_000
	stretchDepth := b.flag("depth", 18)
	maxDepth := stretchDepth - 2

	start := time.Now()
	published = makeBottomUp(stretchDepth)
	published = nil
	longLived := makeTopDown(maxDepth)
	numbers := make([]float64, count)
	for i := 0; i < count/2; i++ {
		numbers[i] = 1 / float64(i+1)
	}
	nodes := treeSize(stretchDepth) + treeSize(maxDepth)
	for depth := minTreeDepth; depth <= maxDepth; depth += 2 {
		nodes += makeShortLivedTrees(depth, stretchDepth)
	}
	b.report(time.Since(start).Seconds(), nodes, "")

	check(longLived.count() == treeSize(maxDepth), "the long-lived tree is whole")
	check(numbers[1000] == 1.0/1001, "the long-lived array is whole")
}
