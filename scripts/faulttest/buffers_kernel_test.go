// SPDX-License-Identifier: MIT

//go:build kernel

package faulttest

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// setBufferSize sets net.core.wmem_default or rmem_default until the test ends.
func (env *testEnv) setBufferSize(name string, size int) {
	env.Helper()
	path := "/proc/sys/net/core/" + name
	before, err := os.ReadFile(path)
	if err != nil {
		env.Fatal(err)
	}
	env.Cleanup(func() {
		if err := os.WriteFile(path, before, 0); err != nil {
			env.Error(err)
		}
	})
	if err := os.WriteFile(path, fmt.Append(nil, size), 0); err != nil {
		env.Fatalf("%s = %d: %v", path, size, err)
	}
}

// bufferSizes returns sizes from the smallest that the kernel accepts up to one that holds a complete
// batch. It returns more sizes if repetitionFactor is greater than 1.
func bufferSizes(smallest int) []int {
	var all []int
	step := 8.0
	if repetitionFactor > 1 {
		step = 1.2
	}
	for size := float64(smallest); size < 212992; size *= step {
		all = append(all, int(size))
	}
	return all
}

// With socket buffers of any size, all rules from a file or a pipe are executed, and each failure
// is reported with its line number.
func TestSmallBuffers(t *testing.T) {
	for name, smallest := range map[string]int{"wmem_default": 4608, "rmem_default": 2304} {
		for _, size := range bufferSizes(smallest) {
			t.Run(fmt.Sprintf("%s=%d", name, size), func(t *testing.T) {
				env := newTestEnv(t)
				env.setBufferSize(name, size)
				runs := []func(string, string) result{env.runWithFile, env.runWithPipe}
				if repetitionFactor == 1 {
					env.rand.Shuffle(2, func(i, j int) { runs[i], runs[j] = runs[j], runs[i] })
					runs = runs[:1]
				}
				for _, run := range runs {
					check := func(got result, rules, message string) {
						t.Helper()
						if got != (result{}) {
							t.Errorf("%s: %+v", message, got)
						}
						env.wantTable(rules, message)
					}
					rules := env.randomTable(25, 20)
					env.clear()
					check(run("ipvsadm -R", rules), rules, "-R")
					env.wantAllExist(env.runWithFile("ipvsadm -R", rules), rules)
					env.wantAllExist(env.runWithPipe("ipvsadm -R", rules), rules)
					rules = env.randomTable(25, 20)
					check(run("ipvsadm --apply", rules), rules, "--apply")
					rules = env.randomTable(25, 20)
					check(run("ipvsadm-restore", rules), rules, "ipvsadm-restore")
					if got := env.run("ipvsadm -S -n", nil); got.status != 0 || sortLines(got.stdout) != sortLines(rules) {
						t.Errorf("-S: status %d\n%s", got.status, diffLines(sortLines(got.stdout), sortLines(rules)))
					}
				}
			})
		}
	}
}

// wantAllExist checks that every rule failed because the service or server already exists.
func (env *testEnv) wantAllExist(got result, rules string) {
	env.Helper()
	var want strings.Builder
	line := 0
	for rule := range strings.Lines(rules) {
		line++
		object := "Destination"
		if strings.HasPrefix(rule, "-A") {
			object = "Service"
		}
		fmt.Fprintf(&want, "line %d: %s already exists\n", line, object)
	}
	if got.status != 255 || got.stdout != "" || got.stderr != want.String() {
		env.Errorf("-R of existing rules: status %d, %d messages for %d rules\n%s", got.status,
			strings.Count(got.stderr, "\n"), line, diffLines(got.stderr, want.String()))
	}
}
