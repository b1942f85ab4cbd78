package main

import "time"

var fragmentWords = []int{6, 10, 16, 26, 42, 68, 110}

// All objects of one size, of which each is an array of words known by its first one.
type sizedNodes struct {
	nodes []*int
	live  int
}

type fragment struct {
	sizes        []sizedNodes
	bytes        int
	survivors    int // percent
	numbers      random
	made         int
	maxLiveBytes int
}

func (f *fragment) replace(old, size int) {
	words := fragmentWords[size]
	slots := f.bytes / (8 * words)
	nodes := make([]*int, slots)
	f.sizes[size] = sizedNodes{nodes, 0}
	dropped := 0
	for i := range nodes {
		nodes[i] = &make([]int, words)[0]
		*nodes[i] = i
		f.sizes[size].live++
		for ; dropped*slots < (i+1)*len(f.sizes[old].nodes); dropped++ {
			f.dropMaybe(&f.sizes[old], dropped)
		}
	}
	f.made += slots
	if live := f.liveBytes(); live > f.maxLiveBytes {
		f.maxLiveBytes = live
	}
}

func (f *fragment) dropMaybe(size *sizedNodes, slot int) {
	check(*size.nodes[slot] == slot, "every object holds its number")
	if f.numbers.below(100) < f.survivors {
		return
	}
	size.nodes[slot] = nil
	size.live--
}

func (f *fragment) liveBytes() int {
	bytes := 0
	for i, size := range f.sizes {
		bytes += 8*fragmentWords[i]*size.live + 8*len(size.nodes)
	}
	return bytes
}

// fragment: the objects' size changes over time. While objects of one size are made, those of the
// last size are dropped, but for some at random places, which live until their size comes again.
func runFragment(b *bench) {
	f := fragment{
		sizes:     make([]sizedNodes, len(fragmentWords)),
		bytes:     b.flag("live_mib", 64) << 20,
		survivors: b.flag("survivors", 10),
		numbers:   defaultSeed,
	}
	start := time.Now()
	for pass := b.flag("passes", 4); pass > 0; pass-- {
		for size := range fragmentWords {
			f.replace((size+len(fragmentWords)-1)%len(fragmentWords), size)
		}
	}
	seconds := time.Since(start).Seconds()
	liveMib := float64(f.maxLiveBytes) / 1048576
	b.report(seconds, f.made, number("live_mb", liveMib)+
		number("memory_ratio", peakResidentMib()/liveMib))
}
