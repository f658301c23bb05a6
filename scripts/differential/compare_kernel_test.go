//go:build kernel

// The comparison itself: the corpus, and random cases. Another seed and more command
// lines are had with
//
//	make differential N=50000 SEED=7

package differential

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The first few differences tell what is wrong; hundreds tell no more.
const enough = 20

func TestMain(m *testing.M) {
	if err := fixNames("../../testdata/differential/etc"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// fixNames gives every machine the same names: this kernel's /etc has its own hosts,
// services and resolver from here on.
func fixNames(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		source, target := filepath.Join(dir, file.Name()), filepath.Join("/etc", file.Name())
		if link, err := os.Readlink(target); err == nil && strings.HasPrefix(filepath.Join("/etc", link), "/run/") {
			// /run is empty and this kernel's own.
			target = filepath.Join("/etc", link)
			if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(target, nil, 0o644); err != nil {
				return err
			}
		}
		if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
			return &os.PathError{Op: "mount", Path: target, Err: err}
		}
	}
	return nil
}

func TestCorpus(t *testing.T) {
	r := newRig(t, programUnderTest(t))
	for subject, cases := range corpus(t) {
		t.Run(subject, func(t *testing.T) {
			differences := 0
			for _, c := range cases {
				if difference := r.compare(t, c); difference != "" {
					t.Error(difference)
					if differences++; differences == enough {
						t.Fatal("and perhaps more")
					}
				}
			}
			t.Logf("%d cases", len(cases))
		})
	}
}

func TestRandom(t *testing.T) {
	r := newRig(t, programUnderTest(t))
	random(t, r, NewGenerator(number(t, "GOIPVSADM_DIFF_SEED", 1)), number(t, "GOIPVSADM_DIFF_N", 1000))
}

// random compares cases until they hold so many command lines, and tells how many differ.
func random(t *testing.T, r *rig, g *Generator, lines uint64) {
	t.Helper()
	done, cases, differences := 0, 0, 0
	for uint64(done) < lines && differences < enough {
		c := g.Case()
		done += c.Lines()
		cases++
		if difference := r.compare(t, c); difference != "" {
			differences++
			t.Error(difference)
		}
	}
	t.Logf("seed %d: %d command lines in %d cases, %d differ", g.seed, done, cases, differences)
}

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// The real ipvsadm must not differ from itself: that would be the rig's own noise.
func TestReferenceEqualsItself(t *testing.T) {
	r := newRig(t, "ipvsadm")
	random(t, r, NewGenerator(2), 200)
}

// A program that answers almost like ipvsadm must be found out.
func TestDistortionIsSeen(t *testing.T) {
	real := lookPath(t, "ipvsadm")
	for name, test := range map[string]struct{ script, text string }{
		"stdout":    {real + ` "$@" | sed s/rr/RR/`, "$ ipvsadm -A -f 5 -s rr\n$ ipvsadm -L"},
		"stderr":    {real + ` "$@" 2>/dev/null`, "$ ipvsadm -D -f 5"},
		"status":    {real + ` "$@" || exit 1`, "$ ipvsadm -D -f 5"},
		"table":     {"exec " + real + ` "$@" -s lc`, "$ ipvsadm -A -f 5"},
		"timeouts":  {"[ \"$1\" = --set ] || exec " + real + ` "$@"`, "$ ipvsadm --set 5 6 7"},
		"daemons":   {"[ \"$1\" = --stop-daemon ] || exec " + real + ` "$@"`, "$ ipvsadm --start-daemon master --mcast-interface lo\n$ ipvsadm --stop-daemon master"},
		"threshold": {"exec " + real + ` $(echo "$@" | sed 's/-x 5/-x 6/')`, "$ ipvsadm -A -f 5\n$ ipvsadm -a -f 5 -r 10.0.0.1 -x 5"},
	} {
		t.Run(name, func(t *testing.T) {
			script := filepath.Join(t.TempDir(), "ipvsadm")
			if err := os.WriteFile(script, []byte("#!/bin/sh\n"+test.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			cases, err := ParseCases(name, test.text)
			if err != nil {
				t.Fatal(err)
			}
			r := newRig(t, script)
			if r.compare(t, cases[0]) == "" {
				t.Errorf("not seen:\n%s", strings.TrimSpace(test.text))
			}
		})
	}
}
