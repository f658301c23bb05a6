// Driver runs inside the benchmark's kernel. For each kind of work it runs
// ipvsadm, goipvsadm and the floor in turn, several rounds, compares what the
// two programs did, and prints the medians as a table.
//
// The floor is what no program can go below: the start and end of an empty Go
// program, and the same messages prepared ahead and pushed through a bare
// socket, answers read and not looked at.
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
		peakOf(os.Args[2], os.Args[3:])
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	rounds := flag.Int("rounds", 5, "runs of each program at least; the median counts")
	only := flag.String("only", "", "only the rows whose name contains this")
	connections := flag.Int("connections", 200000, "connections for -L -n -c")
	memory := flag.Bool("memory", false, "the two rows that are about memory, ours only, and no others")
	flag.Parse()

	// Namespaces belong to threads; and no collection shall run beside a program.
	runtime.LockOSThread()
	debug.SetGCPercent(-1)

	rows := speedRows(*connections)
	if *memory {
		rows = memoryRows()
	}
	rows = slices.DeleteFunc(rows, func(r *row) bool { return !strings.Contains(r.name, *only) })

	printHeader()
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
	for _, p := range []string{empty, "/bin/busybox"} {
		d, err := startTime(p)
		if err != nil {
			return err
		}
		fmt.Printf("start and end of %s: %s ms\n", p, millis(d))
	}
	for _, err := range differences {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if len(differences) > 0 {
		return fmt.Errorf("%d of %d rows differ between the programs", len(differences), len(rows))
	}
	return nil
}

func printHeader() {
	fmt.Println("| work | ipvsadm, ms | ours, ms | ratio | target | floor, ms | ours / floor | our peak, MiB |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|")
}

func (r *row) print() {
	their, our, floor := median(r.times[0]), median(r.times[1]), median(r.times[2])
	fmt.Printf("| %s | %s | %s | %s | %s | %s | %s | %.1f |\n", r.name,
		millis(their), millis(our), ratio(their, our), r.target,
		millis(floor), ratio(our, floor), float64(r.peak)/1024)
}

func median(t []time.Duration) time.Duration {
	if len(t) == 0 {
		return 0
	}
	t = slices.Sorted(slices.Values(t))
	return t[len(t)/2]
}

// millis is d in milliseconds with three digits that count, or a dash.
func millis(d time.Duration) string {
	ms := d.Seconds() * 1000
	switch {
	case d == 0:
		return "–"
	case ms < 10:
		return fmt.Sprintf("%.2f", ms)
	case ms < 100:
		return fmt.Sprintf("%.1f", ms)
	}
	return fmt.Sprintf("%.0f", ms)
}

func ratio(a, b time.Duration) string {
	if a == 0 || b == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}
