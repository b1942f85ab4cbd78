package main

// 32 bytes: two references and two integers.
type pairNode struct {
	left, right   *pairNode
	first, second int
}

// Objects go here so that they are allocated in the heap.
var published *pairNode

func (node *pairNode) count() int {
	if node == nil {
		return 0
	}
	return 1 + node.left.count() + node.right.count()
}

// Nodes of a full binary tree.
func treeSize(depth int) int { return 2<<depth - 1 }
