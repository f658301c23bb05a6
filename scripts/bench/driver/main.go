// Driver runs inside the benchmark's kernel. For each kind of work it runs
// ipvsadm, goipvsadm and the floor in turn, several rounds, compares what the
// two programs did, and prints the medians as a table.
//
// The emulator's clock counts instructions, one to the nanosecond, unless the
// work is one of those that are timed (see scripts/bench/run).
//
// The floor is what no Go program can go below: the start and end of an empty
// one, and the same messages prepared ahead and pushed through a bare socket,
// answers read and not looked at.
//
// With -start it runs on this machine's own processor, without an emulator,
// and only starts the programs.
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
	theirs = "/bin/ipvsadm"
	ours   = "/bin/goipvsadm"
	empty  = "/bin/empty"
)

func main() {
	if len(os.Args) > 3 && os.Args[1] == peakCommand {
		runPeakProcess(os.Args[2], os.Args[3:])
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
	rounds := flag.Int("rounds", 3, "runs of each program; the median counts")
	only := flag.String("only", "", "only the rows whose name contains this")
	connections := flag.Int("connections", 20000, "connections for -L -n -c")
	timed := flag.Bool("timed", false, "the rows that are about elapsed time, and no others")
	memory := flag.Bool("memory", false, "the two rows that are about memory, ours only, and no others")
	flag.Parse()

	// Namespaces belong to threads; and no collection shall run beside a program.
	runtime.LockOSThread()
	debug.SetGCPercent(-1)

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
	fmt.Printf("| work, in %s | ipvsadm | ours | ratio | target | floor | ours / floor | our peak, MiB |\n", unit)
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|")
}

func (r *row) print() {
	their, our, floor := median(r.times[0]), median(r.times[1]), median(r.times[2])
	fmt.Printf("| %s | %s | %s | %s | %s | %s | %s | %.1f |\n", r.name,
		formatCost(their, r.repeat), formatCost(our, r.repeat), ratio(their, our), r.target,
		formatCost(floor, r.repeat), ratio(our, floor), float64(r.peak)/1024)
}

func median(t []time.Duration) time.Duration {
	if len(t) == 0 {
		return 0
	}
	t = slices.Sorted(slices.Values(t))
	return t[len(t)/2]
}

// figure is what one of n runs took, in milliseconds or million instructions
// with three digits that count, or a dash.
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
