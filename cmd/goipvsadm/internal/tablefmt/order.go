// SPDX-License-Identifier: MIT

package tablefmt

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"

	"goipvsadm/ipvs"
	"goipvsadm/ipvs/reconcile"
)

// Listings have the order of ipvsadm, which compares numbers by subtracting them as
// signed 32-bit integers. A difference that overflows has the wrong sign, so that
// 10.0.0.1 sorts after 192.168.0.1 and the order is not transitive. The result
// therefore depends on the algorithm, which is a stable top-down merge sort whose first
// half is the smaller one.

// SortServices sorts services in the order of listings: by firewall mark, family,
// protocol, address and port.
func SortServices(s []ipvs.Service) { mergeSort(s, compareServices) }

// SortDestinations sorts the destinations of a service in the order of listings: by
// address and port.
func SortDestinations(d []ipvs.Destination) {
	if isReversed(d) {
		slices.Reverse(d)
	} else {
		mergeSort(d, compareDestinations)
	}
}

// isReversed reports whether all of d is IPv4, in strictly descending order, and
// spans less than 2^31 addresses, so that no difference overflows: sorting then only
// reverses d. This is the common case, because the kernel returns destinations in
// reverse order of addition, and rules are usually saved and written in order.
func isReversed(d []ipvs.Destination) bool {
	var first, prev uint64 // the address in the upper bits, the port in the lower 16
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

// SortServiceDestinations sorts destinations in the order of listings: by service, then
// by address and port.
func SortServiceDestinations(list []ipvs.ServiceDestination) {
	mergeSort(list, func(a, b *ipvs.ServiceDestination) int32 {
		if d := compareServices(&a.Service, &b.Service); d != 0 {
			return d
		}
		return compareDestinations(&a.Destination, &b.Destination)
	})
}

// SortTable sorts the services and destinations of t in the order of listings.
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

// compareAddrs compares as many 32-bit words as a has, from the front. An IPv4 address b
// that is compared with an IPv6 address a is extended by three words of 0.
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

// addrWord returns the i-th 32-bit word of a.
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

// mergeSort sorts x with ipvsadm's algorithm. It sorts indices first: elements are large,
// and are then moved only once.
func mergeSort[T any](x []T, compare func(a, b *T) int32) {
	var buf [64]int32 // avoids an allocation for services of up to 32 destinations
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

// permute moves x[indices[i]] to x[i] for each i, following the cycles of the
// permutation. It overwrites indices.
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

// sortIndices sorts indices by the elements of x that they refer to.
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
