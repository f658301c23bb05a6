// SPDX-License-Identifier: MIT

package ipvs_test

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"syscall"
	"testing"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/ipvstest"
	"goipvsadm/netlinkmsg"
)

// numberedDestination returns the destination with number n.
func numberedDestination(n int) ipvs.Destination {
	return ipvs.Destination{AddrPort: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), 80), Weight: 1}
}

// numberedKernel returns a kernel whose service web has n destinations.
func numberedKernel(n int) *ipvstest.FakeKernel {
	k := &ipvstest.FakeKernel{Table: []ipvstest.Entry{{Service: ipvs.Service{ServiceKey: web, Scheduler: "rr"}}}}
	for i := range n {
		k.Table[0].Destinations = append(k.Table[0].Destinations, numberedDestination(i))
	}
	return k
}

// skipRows makes each of the first dumps of k, as many as given, skip a row: the first
// row is removed during the dump and added again before the next dump.
func skipRows(k *ipvstest.FakeKernel, dumps int) {
	dump, datagram := 0, 0
	removed := false
	k.Intercept = func(m *netlinkmsg.Message) syscall.Errno {
		if m.Command == netlinkmsg.GetDestination {
			dump, datagram = dump+1, 0
			if removed {
				k.Table[0].Destinations = slices.Insert(k.Table[0].Destinations, 0, numberedDestination(0))
				removed = false
			}
		}
		return 0
	}
	k.OnContinue = func(*netlinkmsg.Message) {
		// Successive dumps skip different rows.
		if datagram++; dump <= dumps && datagram == 1+dump%2 {
			k.Table[0].Destinations = k.Table[0].Destinations[1:]
			removed = true
		}
	}
}

// skippedRow returns the row that the first dump skips.
func skippedRow(t *testing.T, rows int) netip.AddrPort {
	t.Helper()
	k := numberedKernel(rows)
	skipRows(k, 1)
	c, _ := k.Dial()
	ds, err := c.Destinations(web)
	if err != nil {
		t.Fatal(err)
	}
	seen := countRows(ds)
	for i := range rows {
		if ap := numberedDestination(i).AddrPort; seen[ap] == 0 {
			return ap
		}
	}
	t.Fatal("no row was skipped")
	return netip.AddrPort{}
}

// countRows returns how often each address occurs.
func countRows(ds []ipvs.Destination) map[netip.AddrPort]int {
	seen := make(map[netip.AddrPort]int)
	for i := range ds {
		seen[ds[i].AddrPort]++
	}
	return seen
}

// TestSkippedRow verifies that AppendDestinationsConsistent returns the rows that dumps
// skip.
func TestSkippedRow(t *testing.T) {
	const n = 300
	for _, tt := range []struct {
		name    string
		skipped int // number of dumps that skip a row
		dumps   int // number of dumps that AppendDestinationsConsistent makes
	}{
		{name: "skipped by no dump", dumps: 2},
		{name: "skipped by one dump", skipped: 1, dumps: 3},
		{name: "skipped by two dumps", skipped: 2, dumps: 4},
		{name: "skipped by every dump", skipped: ipvs.MaxDumpAttempts, dumps: ipvs.MaxDumpAttempts},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := numberedKernel(n)
			skipRows(k, tt.skipped)
			c, _ := k.Dial()
			if ds, err := c.Destinations(web); err != nil || len(ds) != n-min(tt.skipped, 1) {
				t.Fatalf("Destinations: %d rows, %v, want %d", len(ds), err, n-min(tt.skipped, 1))
			}
			k = numberedKernel(n)
			skipRows(k, tt.skipped)
			c, _ = k.Dial()
			ds, err := c.AppendDestinationsConsistent([]ipvs.Destination{numberedDestination(7)}, web)
			seen := countRows(ds[1:])
			for i := range n {
				if seen[numberedDestination(i).AddrPort] != 1 {
					t.Errorf("row %d occurs %d times, want once", i, seen[numberedDestination(i).AddrPort])
				}
			}
			if err != nil || len(ds) != 1+n || ds[0] != numberedDestination(7) || len(k.Requests) != tt.dumps {
				t.Errorf("%d rows, %v, %d dumps; want %d rows, %d dumps", len(ds), err, len(k.Requests), 1+n, tt.dumps)
			}
		})
	}
}

// TestRemovedRow verifies that AppendDestinationsConsistent does not return a row that
// is removed after the first dump.
func TestRemovedRow(t *testing.T) {
	k := numberedKernel(300)
	k.Intercept = func(*netlinkmsg.Message) syscall.Errno {
		if len(k.Requests) == 2 {
			k.Table[0].Destinations = slices.Delete(k.Table[0].Destinations, 30, 31)
		}
		return 0
	}
	c, _ := k.Dial()
	ds, err := c.AppendDestinationsConsistent(nil, web)
	if err != nil || !slices.Equal(ds, k.Table[0].Destinations) {
		t.Errorf("%d rows, %v, want those of the kernel", len(ds), err)
	}
}

// TestDumpOneDatagram verifies that a dump of one datagram is repeated only if another
// row would not have fit the datagram.
func TestDumpOneDatagram(t *testing.T) {
	k := numberedKernel(1000)
	k.OnContinue = func(*netlinkmsg.Message) { k.Table[0].Destinations = k.Table[0].Destinations[:0] }
	c, _ := k.Dial()
	ds, _ := c.Destinations(web)
	inFirst := len(ds) // rows in a full datagram
	for _, tt := range []struct{ rows, dumps int }{
		{rows: 0, dumps: 1}, {rows: 1, dumps: 1}, {rows: inFirst - 1, dumps: 1}, {rows: inFirst, dumps: 2}, {rows: inFirst + 1, dumps: 2},
	} {
		k := numberedKernel(tt.rows)
		c, _ := k.Dial()
		ds, err := c.AppendDestinationsConsistent(nil, web)
		if err != nil || len(ds) != tt.rows || len(k.Requests) != tt.dumps {
			t.Errorf("%d rows, %v, %d dumps; want %d rows, %d dumps", len(ds), err, len(k.Requests), tt.rows, tt.dumps)
		}
	}
}

// TestConstantChange verifies that, while the table changes all the time, no row that
// stays in it is missing and no row is duplicated.
func TestConstantChange(t *testing.T) {
	const rows, stable = 900, 90
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, seed))
		k := numberedKernel(rows)
		isStable := func(d *ipvs.Destination) bool { return d.AddrPort.Addr().As4()[3]%(rows/stable) == 0 }
		var removed []ipvs.Destination
		k.OnContinue = func(*netlinkmsg.Message) {
			list := &k.Table[0].Destinations
			for range r.IntN(20) {
				if i := r.IntN(rows); i < len(*list) && !isStable(&(*list)[i]) {
					removed = append(removed, (*list)[i])
					*list = slices.Delete(*list, i, i+1)
				} else if len(removed) > 0 {
					*list = slices.Insert(*list, 0, removed[0]) // at the beginning, like the kernel
					removed = removed[1:]
				}
			}
		}
		c, _ := k.Dial()
		ds, err := c.AppendDestinationsConsistent(nil, web)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		seen := countRows(ds)
		for i := range rows {
			d := numberedDestination(i)
			if n := seen[d.AddrPort]; n > 1 || n == 0 && isStable(&d) {
				t.Errorf("seed %d: row %d occurs %d times, want once, or at most once if it was removed", seed, i, n)
			}
		}
	}
}

func TestDestination(t *testing.T) {
	const n = 300
	absent := netip.MustParseAddrPort("192.0.2.99:80")
	skippedFirst := skippedRow(t, n)
	for _, tt := range []struct {
		name    string
		rows    int
		skipped int // number of dumps that skip a row
		key     ipvs.ServiceKey
		ap      netip.AddrPort
		want    error
		dumps   int
	}{
		{name: "listed", rows: n, key: web, ap: numberedDestination(41).AddrPort, dumps: 1},
		{name: "IPv4-mapped", rows: n, key: web, ap: netip.MustParseAddrPort("[::ffff:10.0.0.41]:80"), want: ipvs.ErrNoDestination, dumps: 2},
		{name: "skipped once", rows: n, skipped: 1, key: web, ap: skippedFirst, dumps: 2},
		{name: "absent", rows: n, key: web, ap: absent, want: ipvs.ErrNoDestination, dumps: 2},
		{name: "absent, dump of one datagram", rows: 3, key: web, ap: absent, want: ipvs.ErrNoDestination, dumps: 1},
		{name: "no such service", rows: 3, key: ipvs.MarkKey(9, ipvs.IPv4), ap: absent, want: ipvs.ErrNoDestination, dumps: 1},
		{name: "absent, changing table", rows: n, skipped: 100, key: web, ap: absent, want: ipvs.ErrDumpInterrupted, dumps: ipvs.MaxDumpAttempts},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := numberedKernel(tt.rows)
			skipRows(k, tt.skipped)
			c, _ := k.Dial()
			d, err := c.Destination(tt.key, tt.ap)
			if !errors.Is(err, tt.want) || err == nil && d.AddrPort != tt.ap || len(k.Requests) != tt.dumps {
				t.Errorf("%v, %v, %d dumps; want %v, %d dumps", d.AddrPort, err, len(k.Requests), tt.want, tt.dumps)
			}
		})
	}
}
