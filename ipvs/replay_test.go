package ipvs

import (
	"os"
	"testing"

	"goipvsadm/ipvs/internal/nltest"
)

const recordingFile = "../testdata/netlink/linux-6.1-le.txt"

// recordedFamily is the number that IPVS had when the recording was made.
const recordedFamily = 0x1c

// firstRecorded is the number of the first recorded message: one went before
// it, to clear the table.
const firstRecorded = 2

// TestRecordedSteps plays the steps against what a kernel answered to them:
// the client must send the same bytes and make the same of the answers.
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
	c.seq.Store(firstRecorded - 1)
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			r := &nltest.Replay{Packets: recording[s.name]}
			c.s = r
			s.do(t, c)
			if len(r.Packets) != 0 {
				t.Errorf("%d recorded calls were not made", len(r.Packets))
			}
		})
	}
}
