package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const minTreeDepth = 4

type treeNode struct {
	left, right *treeNode
}

func (node *treeNode) count() int {
	if node.left == nil {
		return 1
	}
	return 1 + node.left.count() + node.right.count()
}

func buildTree(depth int) *treeNode {
	if depth == 0 {
		return &treeNode{}
	}
	return &treeNode{buildTree(depth - 1), buildTree(depth - 1)}
}

func countTrees(depth, trees int) int {
	nodes := 0
	for i := 0; i < trees; i++ {
		nodes += buildTree(depth).count()
	}
	return nodes
}

func shareOut(depth, trees, threads int) int {
	var nodes int64
	var group sync.WaitGroup
	for i := 0; i < threads; i++ {
		group.Add(1)
		go func() {
			atomic.AddInt64(&nodes, int64(countTrees(depth, trees/threads)))
			group.Done()
		}()
	}
	group.Wait()
	return int(nodes)
}

// binary-trees: the benchmarks game's, with the short-lived trees shared out over some threads.
func runBinaryTrees(b *bench, threads int) {
	maxDepth := b.flag("depth", 18)
	expected := treeSize(maxDepth+1) + treeSize(maxDepth)

	start := time.Now()
	nodes := buildTree(maxDepth + 1).count()
	longLived := buildTree(maxDepth)
	for depth := minTreeDepth; depth <= maxDepth; depth += 2 {
		trees := 1 << (maxDepth - depth + minTreeDepth)
		nodes += shareOut(depth, trees, threads)
		expected += trees * treeSize(depth)
	}
	nodes += longLived.count()
	b.report(time.Since(start).Seconds(), nodes, "")
	runtime.KeepAlive(longLived)
	check(nodes == expected, "every node of every tree is counted")
}
