// SPDX-License-Identifier: MIT

// Driver runs the benchmark in a virtual machine (see scripts/bench/run). For
// each workload it runs ipvsadm, goipvsadm and the floor in turn, for several
// rounds, compares the results of the two programs, and prints the medians as a
// table. With -scale, it runs goipvsadm on larger and larger tables.
//
// The clock of the virtual machine counts instructions, one per nanosecond,
// except with -timed and -memory.
//
// The floor is a lower bound for any Go program: running an empty program, and
// exchanging the same netlink messages on a bare socket. The requests are encoded
// in advance, and the replies are not decoded.
//
// The following command measures the startup time of programs natively:
//
//	driver start 'PROGRAM ARGUMENT...'...
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

const (
	ipvsadmPath   = "/bin/ipvsadm"
	goipvsadmPath = "/bin/goipvsadm"
	emptyPath     = "/bin/empty"
)

func main() {
	if len(os.Args) > 3 && os.Args[1] == usageCommand {
		runUsageProcess(os.Args[2], os.Args[3:])
	}
	if len(os.Args) > 2 && os.Args[1] == startupCommand {
		exitOnError(measureStartup(os.Args[2:]))
		return
	}
	exitOnError(run())
}

func exitOnError(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	rounds := flag.Int("rounds", 3, "runs of each program, of which the median is printed")
	only := flag.String("only", "", "run only rows whose name contains `text`")
	connections := flag.Int("connections", 20000, "number of connections for -L -n -c")
	timed := flag.Bool("timed", false, "run only the rows that measure elapsed time")
	memory := flag.Bool("memory", false, "run only the rows that measure the memory of goipvsadm")
	scale := flag.Bool("scale", false, "run goipvsadm on tables of up to 100,000 servers; -only selects tables and commands")
	flag.Parse()

	// Network namespaces are per thread. The garbage collector must not run in
	// parallel with a measured program.
	runtime.LockOSThread()
	debug.SetGCPercent(-1)

	if *scale {
		return measureScale(*only)
	}
	rows := speedRows(*connections)
	unit := "million instructions"
	if *timed || *memory {
		unit = "ms"
	}
	switch {
	case *timed:
		rows = timedRows()
	case *memory:
		rows = memoryRows()
	}
	rows = slices.DeleteFunc(rows, func(r *row) bool { return !strings.Contains(r.name, *only) })

	printHeader(unit)
	var differences []error
	for _, r := range rows {
		if err := r.run(*rounds); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		r.print()
		if r.difference != nil {
			differences = append(differences, fmt.Errorf("%s: %w", r.name, r.difference))
		}
	}
	fmt.Println()
	for _, r := range rows {
		for _, n := range r.notes {
			fmt.Printf("%s: %s\n", r.name, n)
		}
	}
	for _, err := range differences {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if len(differences) > 0 {
		return fmt.Errorf("%d of %d rows differ between the programs", len(differences), len(rows))
	}
	return nil
}

func printHeader(unit string) {
	fmt.Printf("| workload, in %s | ipvsadm | ours | ratio | target | floor | ours / floor | our peak, MiB |\n", unit)
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|")
}

func (r *row) print() {
	ipvsadmTime, goipvsadmTime, floor := median(r.times[ipvsadmIndex]), median(r.times[oursIndex]), median(r.times[floorIndex])
	fmt.Printf("| %s | %s | %s | %s | %s | %s | %s | %.1f |\n", r.name,
		formatCost(ipvsadmTime, r.repeat), formatCost(goipvsadmTime, r.repeat), ratio(ipvsadmTime, goipvsadmTime), r.target,
		formatCost(floor, r.repeat), ratio(goipvsadmTime, floor), float64(r.peak)/1024)
}

func median(t []time.Duration) time.Duration {
	if len(t) == 0 {
		return 0
	}
	t = slices.Sorted(slices.Values(t))
	return t[len(t)/2]
}

// formatCost formats the cost of one of n runs with three significant digits, or as
// a dash if it is zero. The unit is milliseconds, which under -icount are millions
// of instructions.
func formatCost(d time.Duration, n int) string {
	f := d.Seconds() * 1000 / float64(n)
	switch {
	case d == 0:
		return "–"
	case f < 10:
		return fmt.Sprintf("%.2f", f)
	case f < 100:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.0f", f)
}

func ratio(a, b time.Duration) string {
	if a == 0 || b == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}
