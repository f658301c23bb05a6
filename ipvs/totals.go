// SPDX-License-Identifier: MIT

package ipvs

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// totalsFile belongs to the network namespace of the calling thread, which is not
// always that of the process.
const totalsFile = "/proc/thread-self/net/ip_vs_stats"

// Totals returns the counters of all virtual services together, from
// /proc/net/ip_vs_stats. Unlike the sum of the counters of all services, it includes
// services that have been removed since the counters were last zeroed. The error
// matches fs.ErrNotExist if there is no such file.
func (c *Client) Totals() (Stats, error) {
	var text []byte
	err := doInNetNS(c.netns, func() (err error) {
		text, err = os.ReadFile(totalsFile)
		return err
	})
	if err != nil {
		return Stats{}, fmt.Errorf("ipvs: read totals: %w", err)
	}
	s, err := parseTotals(string(text))
	if err != nil {
		return Stats{}, fmt.Errorf("ipvs: read totals: %w", err)
	}
	return s, nil
}

var errTotals = errors.New("unexpected format of ip_vs_stats")

// parseTotals parses the two lines of hexadecimal numbers in ip_vs_stats: the counters,
// then their rates per second.
//
//	  Total Incoming Outgoing         Incoming         Outgoing
//	  Conns  Packets  Packets            Bytes            Bytes
//	     14       64       50             2A30             5DC0
//
//	Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
//	      0        0        0                0                0
func parseTotals(text string) (s Stats, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 6 {
		return s, errTotals
	}
	for _, row := range []struct {
		line   string
		fields [5]*uint64
	}{
		{lines[2], [5]*uint64{&s.Conns, &s.InPackets, &s.OutPackets, &s.InBytes, &s.OutBytes}},
		{lines[5], [5]*uint64{&s.CPS, &s.InPPS, &s.OutPPS, &s.InBPS, &s.OutBPS}},
	} {
		words := strings.Fields(row.line)
		if len(words) != len(row.fields) {
			return Stats{}, errTotals
		}
		for i, word := range words {
			if *row.fields[i], err = strconv.ParseUint(word, 16, 64); err != nil {
				return Stats{}, errTotals
			}
		}
	}
	return s, nil
}
