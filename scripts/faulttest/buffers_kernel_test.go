//go:build kernel

package faulttest

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// buffer sets the default size of new sockets' buffers until the test ends.
func (r *testEnv) setBufferSize(name string, size int) {
	r.Helper()
	path := "/proc/sys/net/core/" + name
	before, err := os.ReadFile(path)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if err := os.WriteFile(path, before, 0); err != nil {
			r.Error(err)
		}
	})
	if err := os.WriteFile(path, fmt.Append(nil, size), 0); err != nil {
		r.Fatalf("%s = %d: %v", path, size, err)
	}
}

// sizes are those from the smallest that the kernel takes to one that holds a whole
// batch, in more steps the longer the run.
func bufferSizes(smallest int) []int {
	var all []int
	step := 8.0
	if multiplier > 1 {
		step = 1.2
	}
	for size := float64(smallest); size < 212992; size *= step {
		all = append(all, int(size))
	}
	return all
}

// With buffers of any size the rules of a file or of a pipe are all carried out, and
// those that the kernel refuses are all told, each with its line.
func TestSmallBuffers(t *testing.T) {
	for name, smallest := range map[string]int{"wmem_default": 4608, "rmem_default": 2304} {
		for _, size := range bufferSizes(smallest) {
			t.Run(fmt.Sprintf("%s=%d", name, size), func(t *testing.T) {
				r := newTestEnv(t)
				r.setBufferSize(name, size)
				ways := []func(string, string) result{r.runWithFile, r.runWithPipe}
				if multiplier == 1 {
					r.rand.Shuffle(2, func(i, j int) { ways[i], ways[j] = ways[j], ways[i] })
					ways = ways[:1]
				}
				for _, run := range ways {
					want := func(got result, rules, what string) {
						t.Helper()
						if got != (result{}) {
							t.Errorf("%s: %+v", what, got)
						}
						r.wantTable(rules, what)
					}
					rules := r.randomTable(25, 20)
					r.clear()
					want(run("ipvsadm -R", rules), rules, "-R")
					r.wantAllExist(r.runWithFile("ipvsadm -R", rules), rules)
					r.wantAllExist(r.runWithPipe("ipvsadm -R", rules), rules)
					rules = r.randomTable(25, 20)
					want(run("ipvsadm --apply", rules), rules, "--apply")
					rules = r.randomTable(25, 20)
					want(run("ipvsadm-restore", rules), rules, "ipvsadm-restore")
					if got := r.run("ipvsadm -S -n", nil); got.status != 0 || sortLines(got.stdout) != sortLines(rules) {
						t.Errorf("-S: status %d\n%s", got.status, diffLines(sortLines(got.stdout), sortLines(rules)))
					}
				}
			})
		}
	}
}

// wantRefusals fails unless every rule was refused because it had been carried out.
func (r *testEnv) wantAllExist(got result, rules string) {
	r.Helper()
	var want strings.Builder
	line := 0
	for rule := range strings.Lines(rules) {
		line++
		what := "Destination"
		if strings.HasPrefix(rule, "-A") {
			what = "Service"
		}
		fmt.Fprintf(&want, "line %d: %s already exists\n", line, what)
	}
	if got.status != 255 || got.stdout != "" || got.stderr != want.String() {
		r.Errorf("-R of what exists: status %d, %d messages for %d rules\n%s", got.status,
			strings.Count(got.stderr, "\n"), line, diffLines(got.stderr, want.String()))
	}
}
