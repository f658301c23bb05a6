// SPDX-License-Identifier: MIT

package sampler

import (
	"net/netip"
	"slices"

	"goipvsadm/ipvs"
)

// A counterHistory holds the counters of a service or destination in the last samples.
type counterHistory struct {
	since, last int32 // every sample from since to last, by number, includes it
	counters    [keptSamples]counters
}

// counters are the counters of ipvs.Stats.
type counters struct{ conns, inPackets, outPackets, inBytes, outBytes uint64 }

func (c *counters) stats() ipvs.Stats {
	return ipvs.Stats{Conns: c.conns, InPackets: c.inPackets, OutPackets: c.outPackets, InBytes: c.inBytes, OutBytes: c.outBytes}
}

// add adds the counters of the sample with the given number.
func (h *counterHistory) add(number int, s *ipvs.Stats) {
	n := int32(number)
	if h.last == 0 || h.last != n-1 {
		h.since = n
	}
	h.last = n
	h.counters[number%keptSamples] = counters{s.Conns, s.InPackets, s.OutPackets, s.InBytes, s.OutBytes}
}

// at returns the counters of the sample with the given number, which must be one of the
// last keptSamples. ok is false if h was missing from that sample or from a later one.
func (h *counterHistory) at(number int) (c *counters, ok bool) {
	if number < int(h.since) {
		return nil, false
	}
	return &h.counters[number%keptSamples], true
}

// A record is the counterHistory of the service or destination with a key.
type record[K comparable] struct {
	key K
	counterHistory
	destinations *recordList[netip.AddrPort] // nil for destinations
}

// A recordList holds the records of a sample in the order of the sample. It is updated in
// place, and looks up only keys whose position differs from that in the previous sample.
type recordList[K comparable] struct {
	list  []record[K]
	index map[K]int // index of each record in list; nil until the order differs from the previous sample
}

// begin starts a sample with n records. The caller must call at for each index below n in
// ascending order, then end.
func (l *recordList[K]) begin(n int) {
	l.list = slices.Grow(l.list, max(0, n-len(l.list)))
}

// at moves the record of key, or a new record if there is none, to index i and returns it.
func (l *recordList[K]) at(i int, key K) *record[K] {
	if i < len(l.list) && l.list[i].key == key {
		return &l.list[i]
	}
	if l.index == nil {
		l.index = make(map[K]int, len(l.list)-i)
		for j := i; j < len(l.list); j++ {
			l.index[l.list[j].key] = j
		}
	}
	j, ok := l.index[key]
	if !ok || j < i { // j < i if the kernel lists a key twice
		j = len(l.list)
		l.list = append(l.list, record[K]{key: key})
	}
	l.list[i], l.list[j] = l.list[j], l.list[i]
	l.index[l.list[j].key], l.index[key] = j, i
	return &l.list[i]
}

// end removes the records of keys that are not among the n of the sample.
func (l *recordList[K]) end(n int) {
	clear(l.list[n:])
	l.list, l.index = l.list[:n], nil
}
