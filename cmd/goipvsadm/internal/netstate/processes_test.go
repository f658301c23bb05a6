// SPDX-License-Identifier: MIT

package netstate

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestProcesses(t *testing.T) {
	b, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	self := Process{ID: os.Getpid(), Name: strings.TrimSuffix(string(b), "\n"), Args: os.Args}
	isSelf := func(p Process) bool { return p.ID == self.ID && p.Name == self.Name && slices.Equal(p.Args, self.Args) }
	if processes, err := Processes("no-such-program", self.Name); err != nil || !slices.ContainsFunc(processes, isSelf) {
		t.Errorf("got %v, error %v; want %v among them", processes, err, self)
	}
	if processes, err := Processes("no-such-program"); err != nil || len(processes) > 0 {
		t.Errorf("got %v, error %v; want none", processes, err)
	}
}
