package main

import "time"

// An object that may be published has to be allocated; publishing one in 256 is enough.
func allocate(objects int) *pairNode {
	var node *pairNode
	for i := 0; i < objects; i++ {
		node = &pairNode{first: i, second: i}
		if i&255 == 0 {
			published = node
		}
	}
	return node
}

// alloc32: objects of 32 bytes, none retained.
func runAlloc32(b *bench) {
	objects := b.flag("objects", 100_000_000)
	start := time.Now()
	last := allocate(objects)
	b.report(time.Since(start).Seconds(), objects, "")
	check(last.first == objects-1, "the last object holds the last number")
}

// start: one object, and the end.
func runStart(b *bench) {
	start := time.Now()
	published = &pairNode{}
	b.report(time.Since(start).Seconds(), 1, "")
}
