// SPDX-License-Identifier: MIT

package tablefmt

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
)

// The recordings order-kernel (--nosort) and order-listed are listings of the same table
// by ipvsadm on Linux 6.1, in the order of the kernel and sorted. Many addresses and
// firewall marks in it differ by more than a signed 32-bit integer can hold.

func TestSortMatchesIpvsadm(t *testing.T) {
	unsorted := parseListing(t, readRecording(t, "order-kernel"))
	sorted := sortEntries(unsorted, SortServices, SortDestinations)
	diffLines(t, formatEntries(sorted), formatEntries(parseListing(t, readRecording(t, "order-listed"))))
}

// TestSortRequiresMergeSort verifies that the recordings distinguish the merge sort of
// ipvsadm from another algorithm, and its signed comparison from an unsigned one.
func TestSortRequiresMergeSort(t *testing.T) {
	unsorted := parseListing(t, readRecording(t, "order-kernel"))
	want := formatEntries(parseListing(t, readRecording(t, "order-listed")))
	insertion := sortEntries(unsorted,
		func(s []ipvs.Service) { insertionSort(s, compareServices) },
		func(d []ipvs.Destination) { insertionSort(d, compareDestinations) })
	if formatEntries(insertion) == want {
		t.Error("an insertion sort gives the same order")
	}
	unsigned := sortEntries(unsorted, SortServices, func(d []ipvs.Destination) {
		slices.SortFunc(d, func(a, b ipvs.Destination) int {
			return cmp.Or(a.AddrPort.Addr().Compare(b.AddrPort.Addr()), cmp.Compare(a.AddrPort.Port(), b.AddrPort.Port()))
		})
	})
	if formatEntries(unsigned) == want {
		t.Error("an unsigned comparison gives the same order")
	}
}

func insertionSort[T any](x []T, compare func(a, b *T) int32) {
	for i := range x {
		for j := i; j > 0 && compare(&x[j-1], &x[j]) > 0; j-- {
			x[j-1], x[j] = x[j], x[j-1]
		}
	}
}

func TestCompareAddrPorts(t *testing.T) {
	for _, tt := range []struct {
		first, second string
		ordered       bool
	}{
		{first: "10.0.0.1:80", second: "10.0.0.2:80", ordered: true},
		{first: "10.0.0.1:80", second: "10.0.0.1:81", ordered: true},
		{first: "192.168.0.1:80", second: "10.0.0.1:80", ordered: true}, // 0xc0…-0x0a… is negative
		{first: "10.0.0.1:80", second: "192.168.0.1:80"},
		{first: "[2001::1]:80", second: "[2001::2]:80", ordered: true},
		{first: "[2001::8000:1]:80", second: "[2001::1]:80", ordered: true},
		{first: "[fd00::1]:80", second: "[2001::1]:80", ordered: true},
		{first: "[1::2:0:0:0]:80", second: "[1::1:0:0]:80"},
		// With different families, the first address determines how many words count.
		{first: "1.2.3.4:80", second: "[102:304::1]:80", ordered: true},
		{first: "1.2.3.4:90", second: "[102:304::1]:80"},
		{first: "[102:304::1]:80", second: "1.2.3.4:90"},
		{first: "[102:304:8000::]:80", second: "1.2.3.4:70", ordered: true},
	} {
		d := compareAddrPorts(addrPort(tt.first), addrPort(tt.second))
		if got := d <= 0; got != tt.ordered {
			t.Errorf("compareAddrPorts(%s, %s) = %d, so ordered is %t, want %t", tt.first, tt.second, d, got, tt.ordered)
		}
	}
}

// TestIsReversed also verifies that SortDestinations, which only reverses what isReversed
// accepts, gives the order of the merge sort.
func TestIsReversed(t *testing.T) {
	for _, tt := range []struct {
		addrs string
		want  bool
	}{
		{addrs: "", want: true},
		{addrs: "10.0.0.1:80", want: true},
		{addrs: "10.0.0.2:80 10.0.0.1:81 10.0.0.1:80", want: true},
		{addrs: "10.0.0.2:80 10.0.0.2:80"},
		{addrs: "10.0.0.1:80 10.0.0.1:81"},
		{addrs: "10.0.0.1:81 10.0.0.2:80"},
		{addrs: "138.0.0.0:80 10.0.0.1:80", want: true},
		{addrs: "138.0.0.1:80 10.0.0.1:80"}, // 0x80000000 apart
		{addrs: "192.168.0.1:80 100.0.0.1:80 10.0.0.1:80"},
		{addrs: "[2001::2]:80 [2001::1]:80"},
		{addrs: "[2001::2]:80 10.0.0.1:80"},
	} {
		var d []ipvs.Destination
		for addr := range strings.FieldsSeq(tt.addrs) {
			d = append(d, ipvs.Destination{AddrPort: addrPort(addr)})
		}
		if got := isReversed(d); got != tt.want {
			t.Errorf("isReversed(%s) = %t, want %t", tt.addrs, got, tt.want)
		}
		sorted := slices.Clone(d)
		mergeSort(sorted, compareDestinations)
		if SortDestinations(d); !slices.Equal(d, sorted) {
			t.Errorf("SortDestinations(%s) = %v, want the order of the merge sort, %v", tt.addrs, d, sorted)
		}
	}
}

// sortEntries returns entries sorted with the given functions.
func sortEntries(entries []entry, sortServices func([]ipvs.Service), sortDestinations func([]ipvs.Destination)) []entry {
	destinations := make(map[ipvs.ServiceKey][]ipvs.Destination)
	var services []ipvs.Service
	for _, e := range entries {
		d := slices.Clone(e.destinations)
		sortDestinations(d)
		destinations[e.ServiceKey] = d
		services = append(services, e.Service)
	}
	sortServices(services)
	sorted := make([]entry, len(services))
	for i := range services {
		sorted[i] = entry{services[i], destinations[services[i].ServiceKey]}
	}
	return sorted
}

func formatEntries(entries []entry) string {
	return formatTable(&Table{Names: resolve.Numeric{}}, nil, entries)
}

// parseListing parses the keys, schedulers, forwarding methods and weights of a listing.
func parseListing(t *testing.T, text string) (entries []entry) {
	t.Helper()
	parseUint32 := func(s string) uint32 {
		n, err := strconv.ParseInt(s, 10, 64) // ipvsadm prints marks as signed integers
		if err != nil {
			t.Fatal(err)
		}
		return uint32(n)
	}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n")[3:] {
		fields := strings.Fields(line)
		var key ipvs.ServiceKey
		switch fields[0] {
		case "->":
			method := ipvs.Masquerading
			if fields[2] == "Tunnel" {
				method = ipvs.Tunneling
			}
			e := &entries[len(entries)-1]
			e.destinations = append(e.destinations, ipvs.Destination{AddrPort: addrPort(fields[1]), Method: method, Weight: parseUint32(fields[3])})
			continue
		case "FWM":
			key = ipvs.MarkKey(parseUint32(fields[1]), ipvs.IPv4)
			if fields[2] == "IPv6" {
				key.Family = ipvs.IPv6
			}
		case "TCP":
			key = serviceKey(ipvs.TCP, fields[1])
		case "UDP":
			key = serviceKey(ipvs.UDP, fields[1])
		case "SCTP":
			key = serviceKey(ipvs.SCTP, fields[1])
		default:
			t.Fatalf("line %d of the listing is neither a service nor a destination: %q", i+4, line)
		}
		entries = append(entries, entry{Service: ipvs.Service{ServiceKey: key, Scheduler: fields[len(fields)-1]}})
	}
	return entries
}
