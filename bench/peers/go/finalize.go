package main

import (
	"runtime"
	"sync/atomic"
	"time"
)

// All finalizers run on one goroutine.
var (
	callbacks int64
	heldSum   int
)

func onFinalized(node *pairNode) {
	heldSum += node.first
	atomic.AddInt64(&callbacks, 1)
}

// finalize: objects registered, dropped and collected, to the last callback. The held value is the
// object's own: it comes back to life for its finalizer.
func runFinalize(b *bench) {
	const timeout = 30 * time.Second
	objects := b.flag("objects", 1_000_000)
	atomic.StoreInt64(&callbacks, 0)
	heldSum = 0
	nodes := make([]*pairNode, objects)
	for i := range nodes {
		nodes[i] = &pairNode{first: i}
	}
	runtime.GC()

	registering := time.Now()
	for _, node := range nodes {
		runtime.SetFinalizer(node, onFinalized)
	}
	registerSeconds := time.Since(registering).Seconds()

	finalizing := time.Now()
	nodes = nil
	runtime.GC()
	for atomic.LoadInt64(&callbacks) < int64(objects) && time.Since(finalizing) < timeout {
		time.Sleep(200 * time.Microsecond)
	}
	seconds := time.Since(finalizing).Seconds()

	check(atomic.LoadInt64(&callbacks) == int64(objects), "every callback runs once")
	check(heldSum == objects*(objects-1)/2, "every held value is delivered")
	b.report(seconds, objects, number("register_ns", registerSeconds*1e9/float64(objects)))
}
