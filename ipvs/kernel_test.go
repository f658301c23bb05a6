// SPDX-License-Identifier: MIT

//go:build kernel

package ipvs

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"

	"goipvsadm/ipvs/internal/nltest"
)

var update = flag.Bool("update", false, "rewrite the recording in testdata/netlink")

// TestKernelSteps runs the steps in walkthrough_test.go on a kernel.
func TestKernelSteps(t *testing.T) {
	c, err := Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// Since Linux 7.2 the kernel allocates its connection table with the first service.
	checkErr(t, c.AddService(Service{ServiceKey: ServiceKey{Mark: 1, Family: IPv4}, Scheduler: "rr"}), nil)
	checkErr(t, c.RemoveAllServices(), nil)

	var recording bytes.Buffer
	c.socket = &nltest.Recorder{Socket: c.socket, W: &recording}
	for _, s := range steps {
		fmt.Fprintf(&recording, "# %s\n", s.name)
		t.Run(s.name, func(t *testing.T) { s.run(t, c) })
	}
	if !*update || t.Failed() {
		return
	}
	if c.family != recordedFamily {
		t.Errorf("set recordedFamily to %#x", c.family)
	}
	if err := os.WriteFile(recordingFile, recording.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
