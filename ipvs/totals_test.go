// SPDX-License-Identifier: MIT

package ipvs

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
)

const recordedTotals = `   Total Incoming Outgoing         Incoming         Outgoing
   Conns  Packets  Packets            Bytes            Bytes
      14       64       50             2A30             5DC0

 Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
       1        A        b               1F FFFFFFFFFFFFFFFF
`

func TestParseTotals(t *testing.T) {
	want := Stats{Conns: 20, InPackets: 100, OutPackets: 80, InBytes: 10800, OutBytes: 24000,
		CPS: 1, InPPS: 10, OutPPS: 11, InBPS: 31, OutBPS: 1<<64 - 1}
	for _, text := range []string{recordedTotals, recordedTotals + "\nanother line\n"} {
		if got, err := parseTotals(text); got != want || err != nil {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	for _, text := range []string{
		"",
		recordedTotals[:strings.Index(recordedTotals, "Conns/s")],
		strings.Replace(recordedTotals, "5DC0", "", 1),
		strings.Replace(recordedTotals, "5DC0", "5DC0 1", 1),
		strings.Replace(recordedTotals, "5DC0", "-1", 1),
		strings.Replace(recordedTotals, "5DC0", "10000000000000000", 1),
	} {
		if got, err := parseTotals(text); !errors.Is(err, errTotals) || got != (Stats{}) {
			t.Errorf("%q: %+v, %v; want errTotals", text, got, err)
		}
	}
}

func TestTotalsWithoutFile(t *testing.T) {
	if _, err := os.Stat(totalsFile); err == nil {
		t.Skip("this kernel has IPVS")
	}
	if _, err := new(Client).Totals(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want %v", err, fs.ErrNotExist)
	}
}
