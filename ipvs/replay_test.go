// SPDX-License-Identifier: MIT

package ipvs

import (
	"os"
	"testing"

	"goipvsadm/ipvs/internal/nltest"
)

const recordingFile = "../testdata/netlink/linux-6.1-le.txt"

// recordedFamily is the family ID of IPVS in the recording.
const recordedFamily = 0x1c

// firstRecordedSeq is the sequence number of the first recorded request. The request
// before it, which cleared the table, is not part of the recording.
const firstRecordedSeq = 2

// TestRecordedSteps runs the steps in walkthrough_test.go with recorded replies of a
// kernel. The client must send the recorded requests and return the expected results.
func TestRecordedSteps(t *testing.T) {
	f, err := os.Open(recordingFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	recording, err := nltest.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	c := NewClient(nil, recordedFamily)
	c.seq.Store(firstRecordedSeq - 1)
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			r := &nltest.Replay{Packets: recording[s.name]}
			c.socket = r
			s.run(t, c)
			if len(r.Packets) != 0 {
				t.Errorf("%d recorded calls were not made", len(r.Packets))
			}
		})
	}
}
