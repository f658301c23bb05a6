// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"time"
)

// row is a workload and its measurements.
type row struct {
	name   string
	target string // minimum ratio of ipvsadm's cost to that of goipvsadm, as printed

	prepare        func() error         // sets up a new namespace
	reuseNamespace bool                 // use one namespace for all runs, which change nothing
	extraPause     time.Duration        // additional time for the kernel to free a namespace
	input          []byte               // standard input of the program
	args           func(i int) []string // arguments of the i-th run
	repeat         int                  // consecutive runs measured as one
	floor          func() error         // sends the minimum number of requests to the kernel
	request        func(i int) request  // single request of the i-th run, instead of floor
	normalize      func([]byte) []byte  // prepares output for comparison; nil: none
	extra          func(r *row) error   // takes additional measurements, for notes
	oursOnly       bool                 // run goipvsadm only
	peakLimit      int64                // maximum for peak in KiB, if not zero
	peakWhileTimed bool                 // measure peak memory in timed runs, since the workload takes long

	times      [3][]time.Duration // indexed by ipvsadmIndex, oursIndex, floorIndex
	outputs    [2][]byte
	tables     [2][]byte
	peak       int64 // peak memory of goipvsadm in KiB
	difference error
	notes      []string
}

// Indices of row.times; the first two are also indices of row.outputs and
// row.tables.
const (
	ipvsadmIndex = iota
	oursIndex
	floorIndex
)

// repeatLimit is the duration of a run above which it is not repeated in later
// rounds.
const repeatLimit = 10 * time.Second

func (r *row) run(rounds int) error {
	r.repeat = max(r.repeat, 1)
	if r.reuseNamespace {
		if err := r.newNamespace(); err != nil {
			return err
		}
	}
	for range rounds {
		for index := range r.times {
			if t := r.times[index]; len(t) > 0 && t[0] > repeatLimit || index == ipvsadmIndex && r.oursOnly || index == floorIndex && r.floor == nil && r.request == nil {
				continue
			}
			if !r.reuseNamespace {
				if err := r.newNamespace(); err != nil {
					return err
				}
			}
			r.pause()
			if err := r.runOne(index); err != nil {
				return err
			}
		}
	}
	if !r.oursOnly {
		r.compareResults()
	}
	if !r.peakWhileTimed {
		if err := r.measurePeak(); err != nil {
			return err
		}
	}
	if r.peakLimit > 0 && r.peak > r.peakLimit {
		r.difference = fmt.Errorf("peak memory of %d KiB exceeds %d KiB", r.peak, r.peakLimit)
	}
	if r.extra != nil {
		return r.extra(r)
	}
	return nil
}

// newNamespace enters a new namespace and prepares it for the next run.
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

// pause waits until the kernel has freed the resources of the previous run, so
// that this does not happen during the next one.
func (r *row) pause() {
	runtime.GC()
	time.Sleep(300*time.Millisecond + r.extraPause)
}

// runOne runs the workload once, with the program of the given index.
func (r *row) runOne(index int) error {
	if index == floorIndex {
		return r.runFloor()
	}
	program := []string{ipvsadmPath, goipvsadmPath}[index]
	if err := os.WriteFile(inputFile, r.input, 0o600); err != nil {
		return err
	}
	begin := time.Now()
	for i := range r.repeat {
		var code int
		var err error
		if r.peakWhileTimed && index == oursIndex {
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
	r.times[index] = append(r.times[index], time.Since(begin))
	if r.outputs[index] != nil {
		return nil
	}
	out, err := os.ReadFile(outputFile)
	if err != nil {
		return err
	}
	r.outputs[index] = append([]byte{}, out...)
	if _, err := runProgram(ipvsadmPath, []string{"-S", "-n"}, &files{os.DevNull, outputFile}); err != nil {
		return err
	}
	r.tables[index], err = os.ReadFile(outputFile)
	return err
}

// runFloor runs the empty program, which sends the requests in its input, and then
// calls floor.
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
		code, err := runProgram(emptyPath, nil, &files{name(i), os.DevNull})
		if err != nil || code != 0 {
			return fmt.Errorf("%s: exit status %d, %v", emptyPath, code, err)
		}
	}
	if r.floor != nil {
		if err := r.floor(); err != nil {
			return fmt.Errorf("floor: %w", err)
		}
	}
	r.times[floorIndex] = append(r.times[floorIndex], time.Since(begin))
	return nil
}

// compareResults records the first difference between the outputs of the two
// programs, or between the resulting tables.
func (r *row) compareResults() {
	normalize := r.normalize
	if normalize == nil {
		normalize = func(b []byte) []byte { return b }
	}
	r.difference = firstDifference("output", normalize(r.outputs[ipvsadmIndex]), normalize(r.outputs[oursIndex]))
	if r.difference == nil {
		r.difference = firstDifference("table", r.tables[ipvsadmIndex], r.tables[oursIndex])
	}
	r.outputs, r.tables = [2][]byte{}, [2][]byte{}
}

func firstDifference(name string, a, b []byte) error {
	if bytes.Equal(a, b) {
		return nil
	}
	as, bs := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
	for i := range min(len(as), len(bs)) {
		if !bytes.Equal(as[i], bs[i]) {
			return fmt.Errorf("%s differs at line %d: ipvsadm %q, goipvsadm %q", name, i+1, as[i], bs[i])
		}
	}
	return fmt.Errorf("%s differs in length: ipvsadm %d lines, goipvsadm %d", name, len(as), len(bs))
}

// measurePeak runs goipvsadm once more to measure its peak memory.
func (r *row) measurePeak() error {
	if !r.reuseNamespace {
		if err := r.newNamespace(); err != nil {
			return err
		}
	}
	var err error
	r.peak, err = peakMemory(goipvsadmPath, r.args(0), &files{inputFile, outputFile})
	return err
}
