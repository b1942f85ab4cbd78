// Runs one workload on Go's collector and prints a line of JSON: bench_peer_go WORKLOAD [LIVE_MIB]
// [--name=number ...]
//
// The workloads are those of bench/workloads. Go has no weak references before 1.24, and no
// ephemerons; its registry is runtime.SetFinalizer.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type bench struct {
	workload string
	flags    map[string]int
}

var workloads = map[string]func(*bench){
	"alloc32":         runAlloc32,
	"binary-trees":    func(b *bench) { runBinaryTrees(b, 1) },
	"binary-trees-mt": func(b *bench) { runBinaryTrees(b, b.flag("threads", 2)) },
	"churn":           runChurn,
	"finalize":        runFinalize,
	"fragment":        runFragment,
	"gcbench":         runGcbench,
	"mark":            runMark,
	"start":           runStart,
}

func fail(what string) {
	fmt.Fprintln(os.Stderr, what)
	os.Exit(1)
}

func check(holds bool, what string) {
	if !holds {
		fail("wrong result: " + what)
	}
}

func (b *bench) flag(name string, fallback int) int {
	if value, given := b.flags[name]; given {
		return value
	}
	return fallback
}

func (b *bench) setFlag(word string) {
	name, number, isNamed := strings.Cut(strings.TrimPrefix(word, "--"), "=")
	if !isNamed {
		name, number = "live_mib", word
	}
	value, err := strconv.Atoi(number)
	if err != nil {
		fail("a flag needs a number: " + word)
	}
	b.flags[name] = value
}

func number(name string, value float64) string {
	return fmt.Sprintf(",%q:%.6g", name, value)
}

// Getrusage's would be the parent's, if that is larger.
func peakResidentMib() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	var kib float64
	fmt.Sscan(peak, &kib)
	return kib / 1024
}

func (b *bench) report(seconds float64, ops int, figures string) {
	name := b.workload
	if name == "churn" {
		name = fmt.Sprintf("churn-%d", b.flag("live_mib", 64))
	}
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	fmt.Printf("{\"peer\":\"go\",%q:%q%s,\"ops\":%d%s%s%s%s,\"ok\":true}\n", "workload", name,
		number("seconds", seconds), ops, number("ns_per_op", seconds*1e9/float64(ops)), figures,
		number("cpu_s", cpu.Seconds()), number("peak_rss_mb", peakResidentMib()))
}

func main() {
	if len(os.Args) < 2 {
		fail("name a workload")
	}
	b := &bench{os.Args[1], map[string]int{}}
	for _, word := range os.Args[2:] {
		b.setFlag(word)
	}
	run := workloads[b.workload]
	if run == nil {
		fail("unknown workload: " + b.workload)
	}
	for round := b.flag("rounds", 1); round > 0; round-- {
		run(b)
	}
}
