package tablefmt

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/reconcile"
)

// The order of listings is that of ipvsadm, which subtracts numbers as signed
// 32-bit integers where it should compare them. A difference that overflows
// has the wrong sign, so 10.0.0.1 comes after 192.168.0.1, and three addresses
// may go round in a circle. What comes out then depends on how it is sorted:
// by a merge sort that halves from the top, the smaller half first, and takes
// the element of the first half where the comparison calls them equal.

// SortServices puts services in the order of listings: by mark, family,
// protocol, address and port.
func SortServices(s []ipvs.Service) { mergeSort(s, compareServices) }

// SortDestinations puts the destinations of a service in the order of
// listings: by address and port.
func SortDestinations(d []ipvs.Destination) {
	if isReversed(d) {
		slices.Reverse(d)
	} else {
		mergeSort(d, compareDestinations)
	}
}

// descending reports whether d is IPv4, in just the opposite order, and so close
// together that no difference overflows: every sort turns it round then. The
// kernel tells of the destination that was added last first, so those of rules
// that were saved, or written down in order, come this way.
func isReversed(d []ipvs.Destination) bool {
	var first, prev uint64 // the address, and the port below it
	for i := range d {
		ap := d[i].AddrPort
		if !ap.Addr().Is4() {
			return false
		}
		key := uint64(uint32(addrWord(ap.Addr(), 0)))<<16 | uint64(ap.Port())
		if i == 0 {
			first = key
		} else if key >= prev {
			return false
		}
		prev = key
	}
	return first>>16-prev>>16 <= math.MaxInt32
}

// SortTable puts a whole table in the order of listings.
func SortTable(t *reconcile.Table) {
	mergeSort(t.Services, func(a, b *reconcile.Service) int32 { return compareServices(&a.Service, &b.Service) })
	for i := range t.Services {
		SortDestinations(t.Services[i].Destinations)
	}
}

func compareServices(a, b *ipvs.Service) int32 {
	if d := int32(a.Mark - b.Mark); d != 0 {
		return d
	}
	if d := int32(a.Family) - int32(b.Family); d != 0 {
		return d
	}
	if d := int32(a.Protocol) - int32(b.Protocol); d != 0 {
		return d
	}
	return compareAddrPorts(a.AddrPort, b.AddrPort)
}

func compareDestinations(a, b *ipvs.Destination) int32 {
	return compareAddrPorts(a.AddrPort, b.AddrPort)
}

func compareAddrPorts(a, b netip.AddrPort) int32 {
	if d := compareAddrs(a.Addr(), b.Addr()); d != 0 {
		return d
	}
	return int32(a.Port()) - int32(b.Port())
}

// diffAddrs compares word by word from the front, as many words as a has. An
// IPv4 address is the first word of four.
func compareAddrs(a, b netip.Addr) int32 {
	if a.Is4() {
		return addrWord(a, 0) - addrWord(b, 0)
	}
	for i := range 4 {
		if d := addrWord(a, i) - addrWord(b, i); d != 0 {
			return d
		}
	}
	return 0
}

// word returns the i-th 32-bit word of a.
func addrWord(a netip.Addr, i int) int32 {
	if a.Is4() {
		if i > 0 {
			return 0
		}
		v := a.As4()
		return int32(binary.BigEndian.Uint32(v[:]))
	}
	v := a.As16()
	return int32(binary.BigEndian.Uint32(v[4*i:]))
}

// mergeSort sorts indices, and moves each element, which is large, only once.
func mergeSort[T any](x []T, compare func(a, b *T) int32) {
	var buf [64]int32 // so that a usual service's destinations take no memory
	indices := buf[:]
	if 2*len(x) > len(buf) {
		indices = make([]int32, 2*len(x))
	}
	indices, scratch := indices[:len(x)], indices[len(x):]
	for i := range indices {
		indices[i] = int32(i)
	}
	sortIndices(indices, scratch, x, compare)
	permute(x, indices)
}

// arrange puts at each index the element that was at order's, one cycle of the
// permutation after the other. It leaves every index at its own place in order.
func permute[T any](x []T, indices []int32) {
	for start := range indices {
		if int(indices[start]) == start {
			continue
		}
		first := x[start]
		i := int32(start)
		for {
			from := indices[i]
			indices[i] = i
			if int(from) == start {
				break
			}
			x[i] = x[from]
			i = from
		}
		x[i] = first
	}
}

func sortIndices[T any](indices, scratch []int32, x []T, compare func(a, b *T) int32) {
	if len(indices) < 2 {
		return
	}
	n := len(indices) / 2
	sortIndices(indices[:n], scratch, x, compare)
	sortIndices(indices[n:], scratch, x, compare)
	first := scratch[:copy(scratch, indices[:n])]
	second := indices[n:]
	for out := indices; len(first) > 0; out = out[1:] {
		if len(second) > 0 && compare(&x[first[0]], &x[second[0]]) > 0 {
			out[0], second = second[0], second[1:]
		} else {
			out[0], first = first[0], first[1:]
		}
	}
}
