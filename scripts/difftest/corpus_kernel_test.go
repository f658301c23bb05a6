// SPDX-License-Identifier: MIT

//go:build kernel

// Tests that run both programs on the corpus and on random cases, and tests of Comparer. To compare
// more random command lines, or to use another seed:
//
//	make differential N=50000 SEED=7

package difftest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const testdata = "../../testdata/differential"

// maxDifferences is the number of differences after which a test stops.
const maxDifferences = 20

func TestMain(m *testing.M) {
	if err := MountNameFiles(testdata + "/etc"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestCorpus(t *testing.T) {
	subjects, err := ReadCorpus(testdata)
	if err != nil {
		t.Fatal(err)
	}
	r := NewComparer(t, ProgramUnderTest(t))
	for subject, cases := range subjects {
		t.Run(subject, func(t *testing.T) {
			differences, lines := 0, 0
			for _, c := range cases {
				lines += c.CommandLines()
				if difference := r.Compare(t, c); difference != "" {
					t.Error(difference)
					if differences++; differences == maxDifferences {
						t.Fatal("stopping; there may be more differences")
					}
				}
			}
			t.Logf("%d command lines in %d cases, %d differ", lines, len(cases), differences)
		})
	}
}

func TestRandom(t *testing.T) {
	r := NewComparer(t, ProgramUnderTest(t))
	compareRandom(t, r, NewGenerator(envNumber(t, "GOIPVSADM_DIFF_SEED", 1)), envNumber(t, "GOIPVSADM_DIFF_N", 1000))
}

// compareRandom compares random cases with at least the given number of command lines in total.
func compareRandom(t *testing.T, r *Comparer, g *Generator, lines uint64) {
	t.Helper()
	done, cases, differences := 0, 0, 0
	for uint64(done) < lines && differences < maxDifferences {
		c := g.Case()
		before := done
		done += c.CommandLines()
		cases++
		if done/1000 > before/1000 {
			t.Logf("seed %d: %d command lines so far", g.seed, done)
		}
		if difference := r.Compare(t, c); difference != "" {
			differences++
			t.Error(difference)
		}
	}
	t.Logf("seed %d: %d command lines in %d cases, %d differ", g.seed, done, cases, differences)
}

// envNumber returns the number in an environment variable, or a default if it is not set.
func envNumber(t *testing.T, name string, defaultValue uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return defaultValue
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// The real ipvsadm must not differ from itself; otherwise results are not reproducible.
func TestCompareReferenceWithItself(t *testing.T) {
	r := NewComparer(t, ReferenceProgram(t))
	compareRandom(t, r, NewGenerator(2), 100)
}

// A program that differs from ipvsadm in one detail must be detected.
func TestCompareDetectsDifferences(t *testing.T) {
	real := ReferenceProgram(t)
	for _, tt := range []struct{ name, script, text string }{
		{name: "stdout", script: real + ` "$@" | sed s/rr/RR/`, text: "$ ipvsadm -A -f 5 -s rr\n$ ipvsadm -L"},
		{name: "stderr", script: real + ` "$@" 2>/dev/null`, text: "$ ipvsadm -D -f 5"},
		{name: "status", script: real + ` "$@" || exit 1`, text: "$ ipvsadm -D -f 5"},
		{name: "table", script: "exec " + real + ` "$@" -s lc`, text: "$ ipvsadm -A -f 5"},
		{name: "timeouts", script: "[ \"$1\" = --set ] || exec " + real + ` "$@"`, text: "$ ipvsadm --set 5 6 7"},
		{name: "daemons", script: "[ \"$1\" = --stop-daemon ] || exec " + real + ` "$@"`, text: "$ ipvsadm --start-daemon master --mcast-interface lo\n$ ipvsadm --stop-daemon master"},
		{name: "threshold", script: "exec " + real + ` $(echo "$@" | sed 's/-x 5/-x 6/')`, text: "$ ipvsadm -A -f 5\n$ ipvsadm -a -f 5 -r 10.0.0.1 -x 5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			script := filepath.Join(t.TempDir(), "ipvsadm")
			if err := os.WriteFile(script, []byte("#!/bin/sh\n"+tt.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			cases, err := ParseCases(tt.name, tt.text)
			if err != nil {
				t.Fatal(err)
			}
			r := NewComparer(t, script)
			if r.Compare(t, cases[0]) == "" {
				t.Errorf("difference not detected:\n%s", strings.TrimSpace(tt.text))
			}
		})
	}
}
