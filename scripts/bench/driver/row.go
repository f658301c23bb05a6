package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"time"
)

// A row is one kind of work, and what was measured of it.
type row struct {
	name   string
	target string

	prepare        func() error         // fills the new namespace
	reuseNamespace bool                 // one namespace for all runs: the work changes nothing
	extraPause     time.Duration        // what the kernel needs to clear a namespace away
	input          []byte               // standard input of the program
	args           func(i int) []string // of the program's i-th run
	repeat         int                  // runs in a row that count as one
	floor          func() error         // what a run must have the kernel do
	request        func(i int) request  // the same, of a short command
	normalize      func([]byte) []byte  // what of the output must be the same (all)
	extra          func(r *row) error   // further figures, for notes
	oursOnly       bool                 // ours only
	peakLimit      int64                // of the peak, in KiB
	longRun        bool                 // so long that the peak is taken from a run that is timed

	times      [3][]time.Duration // theirs, ours, floor
	outputs    [2][]byte
	tables     [2][]byte
	peak       int64 // KiB
	difference error
	notes      []string
}

// patience is how long a run may take to be run again for a median.
const repeatLimit = 10 * time.Second

func (r *row) run(rounds int) error {
	r.repeat = max(r.repeat, 1)
	if r.reuseNamespace {
		if err := r.newNamespace(); err != nil {
			return err
		}
	}
	for range rounds {
		for who := range r.times {
			if t := r.times[who]; len(t) > 0 && t[0] > repeatLimit || who == 0 && r.oursOnly || who == 2 && r.floor == nil && r.request == nil {
				continue
			}
			if !r.reuseNamespace {
				if err := r.newNamespace(); err != nil {
					return err
				}
			}
			r.pause()
			if err := r.runOne(who); err != nil {
				return err
			}
		}
	}
	if !r.oursOnly {
		r.compareResults()
	}
	if !r.longRun {
		if err := r.measurePeak(); err != nil {
			return err
		}
	}
	if r.peakLimit > 0 && r.peak > r.peakLimit {
		r.difference = fmt.Errorf("peak memory of %d KiB is above %d", r.peak, r.peakLimit)
	}
	if r.extra != nil {
		return r.extra(r)
	}
	return nil
}

// fresh makes the namespace that the next run works in.
func (r *row) newNamespace() error {
	if err := newNamespace(); err != nil {
		return err
	}
	if r.prepare != nil {
		if err := r.prepare(); err != nil {
			return fmt.Errorf("preparing: %w", err)
		}
	}
	return nil
}

// pause waits until the kernel has cleared away what went before, so that no
// program works beside another's remains.
func (r *row) pause() {
	runtime.GC()
	time.Sleep(300*time.Millisecond + r.extraPause)
}

// once has the work done once, by program 0 or 1 or as the floor.
func (r *row) runOne(who int) error {
	if who == 2 {
		return r.runFloor()
	}
	program := []string{theirs, ours}[who]
	if err := os.WriteFile(inputFile, r.input, 0o600); err != nil {
		return err
	}
	begin := time.Now()
	for i := range r.repeat {
		var code int
		var err error
		if r.longRun && who == 1 {
			r.peak, err = peakMemory(program, r.args(i), &files{inputFile, outputFile})
		} else {
			code, err = runProgram(program, r.args(i), &files{inputFile, outputFile})
		}
		if err != nil {
			return err
		}
		if code != 0 {
			out, _ := os.ReadFile(outputFile)
			return fmt.Errorf("%s %v: exit status %d: %.200s", program, r.args(i), code, out)
		}
	}
	r.times[who] = append(r.times[who], time.Since(begin))
	if r.outputs[who] != nil {
		return nil
	}
	out, err := os.ReadFile(outputFile)
	if err != nil {
		return err
	}
	r.outputs[who] = append([]byte{}, out...)
	if _, err := runProgram(theirs, []string{"-S", "-n"}, &files{os.DevNull, outputFile}); err != nil {
		return err
	}
	r.tables[who], err = os.ReadFile(outputFile)
	return err
}

// onceFloor is an empty program, which sends the messages where these are few.
func (r *row) runFloor() error {
	name := func(int) string { return os.DevNull }
	if r.request != nil {
		name = func(i int) string { return fmt.Sprintf("%s-%d", requestFile, i) }
		for i := range r.repeat {
			b, err := commandRequests(r.request(i))
			if err != nil {
				return err
			}
			if err := os.WriteFile(name(i), b, 0o600); err != nil {
				return err
			}
		}
	}
	begin := time.Now()
	for i := range r.repeat {
		code, err := runProgram(empty, nil, &files{name(i), os.DevNull})
		if err != nil || code != 0 {
			return fmt.Errorf("%s: exit status %d, %v", empty, code, err)
		}
	}
	if r.floor != nil {
		if err := r.floor(); err != nil {
			return fmt.Errorf("floor: %w", err)
		}
	}
	r.times[2] = append(r.times[2], time.Since(begin))
	return nil
}

// check notes the first difference between what the two programs printed and
// between the tables they left.
func (r *row) compareResults() {
	same := r.normalize
	if same == nil {
		same = func(b []byte) []byte { return b }
	}
	r.difference = firstDifference("output", same(r.outputs[0]), same(r.outputs[1]))
	if r.difference == nil {
		r.difference = firstDifference("table", r.tables[0], r.tables[1])
	}
	r.outputs, r.tables = [2][]byte{}, [2][]byte{}
}

func firstDifference(what string, a, b []byte) error {
	if bytes.Equal(a, b) {
		return nil
	}
	as, bs := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
	for i := range min(len(as), len(bs)) {
		if !bytes.Equal(as[i], bs[i]) {
			return fmt.Errorf("%s differs in line %d: ipvsadm %q, ours %q", what, i+1, as[i], bs[i])
		}
	}
	return fmt.Errorf("%s differs in length: ipvsadm %d lines, ours %d", what, len(as), len(bs))
}

// measurePeak runs ours once more to learn how much memory it takes.
func (r *row) measurePeak() error {
	if !r.reuseNamespace {
		if err := r.newNamespace(); err != nil {
			return err
		}
	}
	var err error
	r.peak, err = peakMemory(ours, r.args(0), &files{inputFile, outputFile})
	return err
}
