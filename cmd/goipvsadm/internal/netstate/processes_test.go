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
	self := Process{ID: os.Getpid(), Name: strings.TrimSuffix(string(b), "\n")}
	if processes, err := Processes("no-such-program", self.Name); err != nil || !slices.Contains(processes, self) {
		t.Errorf("got %v, error %v; want %v among them", processes, err, self)
	}
	if processes, err := Processes("no-such-program"); err != nil || len(processes) > 0 {
		t.Errorf("got %v, error %v; want none", processes, err)
	}
}
