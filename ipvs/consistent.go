// SPDX-License-Identifier: MIT

package ipvs

import (
	"errors"
	"hash/maphash"
	"net/netip"
	"slices"
	"syscall"

	"goipvsadm/netlinkmsg"
)

// The kernel dumps a list of rows in several datagrams. It starts each datagram at the
// row whose index is the number of rows sent so far. If earlier rows are removed
// between two datagrams, it skips as many rows, and if earlier rows are added, it
// repeats some; it does not mark such a dump as interrupted. A skipped row looks like
// a removed one, so a dump of several datagrams does not prove that a row is absent.

// ServicesConsistent is like Services, but the result has no duplicates and, with one
// exception, every service that exists during the whole call. If all services are IPv4,
// it compares the dump with the list that a socket option returns, which is atomic.
// Otherwise, or if they differ, it repeats the dump until two successive dumps have the
// same services in the same order. If no two successive dumps of ten are the same, it
// returns every service that any of them has; services that were added or removed
// meanwhile may then be present or absent.
//
// The exception, because the kernel has no atomic dump: a service is missing if every
// repeated dump skips it. Two dumps that skip it are the same only if another service is
// removed at a certain moment of each dump and is added again between them.
func (c *Client) ServicesConsistent() ([]Service, error) {
	var s Service
	return dumpConsistent(c, nil, &netlinkmsg.Message{Command: netlinkmsg.GetService}, &netlinkmsg.Message{Service: &s}, &s,
		func(s *Service) ServiceKey { return s.ServiceKey },
		c.hasServices)
}

// AppendDestinationsConsistent is like AppendDestinations, with the guarantees of
// ServicesConsistent; the socket option is used if the service and all destinations are
// IPv4. The dump of a service with few destinations (19 or fewer on Linux 6.1) is a
// single datagram, which is atomic and is not repeated.
func (c *Client) AppendDestinationsConsistent(ds []Destination, key ServiceKey) ([]Destination, error) {
	d := c.takeDestinationDump(key)
	defer c.spareDump.Store(d)
	return dumpConsistent(c, ds, &d.request, &d.reply, &d.row,
		func(d *Destination) netip.AddrPort { return d.AddrPort },
		func(ds []Destination) bool { return c.hasDestinations(key, ds) })
}

// Destination returns the destination of a service with the given address and
// port. If a dump does not list it, Destination repeats the dump until two successive
// dumps are the same, and then returns ErrNoDestination, even if the service does not
// exist. If no two successive dumps of ten are the same, it returns ErrDumpInterrupted.
//
// Since dumps can skip a destination, ErrNoDestination does not prove that it does not
// exist, unless UpdateDestination returned the error.
func (c *Client) Destination(key ServiceKey, ap netip.AddrPort) (Destination, error) {
	var d, result Destination
	var keys, lastKeys []netip.AddrPort
	found, complete, first := false, false, true
	request := &netlinkmsg.Message{Command: netlinkmsg.GetDestination, Service: &Service{ServiceKey: key}}
	err := c.dump(request, &netlinkmsg.Message{Destination: &d},
		func() { keys = keys[:0] },
		func() {
			if d.AddrPort == ap {
				result, found = d, true
			}
			keys = append(keys, d.AddrPort)
		},
		func(atomic bool) bool {
			complete = atomic || !first && slices.Equal(keys, lastKeys)
			keys, lastKeys, first = lastKeys, keys, false
			return !found && !complete
		})
	switch {
	case found && (err == nil || errors.Is(err, ErrDumpInterrupted)):
		return result, nil
	case err != nil:
		return Destination{}, err
	}
	request.Destination = &Destination{AddrPort: ap}
	return Destination{}, &Error{Op: describe(request), Err: ErrNoDestination, Errno: syscall.ENOENT}
}

// dumpConsistent sends a dump request and appends its rows, which reply decodes
// into row, to list. It repeats the dump as ServicesConsistent describes; exact reports
// whether the kernel has exactly the given rows.
func dumpConsistent[T any, K comparable](c *Client, list []T, request, reply *netlinkmsg.Message, row *T, key func(*T) K, exact func([]T) bool) ([]T, error) {
	m := dumpMerger[T, K]{list: list, offset: len(list), key: key, exact: exact}
	err := c.dump(request, reply, m.start, func() { m.add(row) }, m.end)
	if errors.Is(err, ErrDumpInterrupted) && m.ended > 0 {
		err = nil // the union of all dumps
	}
	return m.list, err
}

// A dumpMerger merges successive dumps of the same list. As long as they are the
// same, it only compares them. From the first difference on, it keeps the union of
// their rows.
type dumpMerger[T any, K comparable] struct {
	list   []T // rows passed by the caller and, from offset on, rows of the dumps
	offset int
	key    func(*T) K
	exact  func([]T) bool // reports whether the kernel has exactly these rows

	ended int // number of complete dumps
	next  int // while comparing: number of rows of the current dump so far

	merging       bool
	index         map[K]int32 // while merging: indexes of the rows, relative to offset
	current, last []int32     // while merging: indexes of the rows of the current and of the previous dump
}

// start starts a dump.
func (m *dumpMerger[T, K]) start() {
	if m.ended == 0 && !m.merging {
		m.list = m.list[:m.offset] // drop the rows of a dump that was not read completely
	}
	m.next, m.current = 0, m.current[:0]
}

// add adds a row of the current dump.
func (m *dumpMerger[T, K]) add(row *T) {
	if m.ended == 0 {
		m.list = appendRow(m.list, row)
		return
	}
	if !m.merging {
		if i := m.offset + m.next; i < len(m.list) && m.key(&m.list[i]) == m.key(row) {
			m.list[i] = *row
			m.next++
			return
		}
		m.merge()
	}
	m.current = append(m.current, m.insert(row))
}

// merge switches from comparing to merging. So far, the current dump has the same rows
// as the previous one.
func (m *dumpMerger[T, K]) merge() {
	m.merging = true
	rows := m.list[m.offset:]
	m.list = m.list[:m.offset]
	m.index = make(map[K]int32, len(rows))
	for i := range rows {
		m.last = append(m.last, m.insert(&rows[i]))
	}
	m.current = append(m.current, m.last[:m.next]...)
}

// insert adds a row, or replaces the row with the same key, and returns its index.
func (m *dumpMerger[T, K]) insert(row *T) int32 {
	i, ok := m.index[m.key(row)]
	if ok {
		m.list[m.offset+int(i)] = *row
		return i
	}
	i = int32(len(m.list) - m.offset)
	m.index[m.key(row)] = i
	m.list = appendRow(m.list, row)
	return i
}

// end ends a dump and reports whether it must be repeated.
func (m *dumpMerger[T, K]) end(atomic bool) bool {
	m.ended++
	switch {
	case m.ended == 1:
		return !atomic && !m.exact(m.list[m.offset:])
	case !m.merging && m.next == len(m.list)-m.offset && !m.hasDuplicates():
		return false
	case !m.merging:
		m.merge() // the current dump has fewer rows, or the same duplicates
	}
	if atomic || slices.Equal(m.current, m.last) && !m.currentHasDuplicates() {
		m.selectCurrent()
		return false
	}
	m.current, m.last = m.last, m.current
	return true
}

// hasDuplicates reports, while comparing, whether the dumps list a row twice. It
// compares hashes of the keys, which take an eighth of the memory of a map of the keys;
// if two keys have the same hash, that costs at most another dump.
func (m *dumpMerger[T, K]) hasDuplicates() bool {
	rows := m.list[m.offset:]
	seed := maphash.MakeSeed()
	hashes := make([]uint64, len(rows))
	for i := range rows {
		hashes[i] = maphash.Comparable(seed, m.key(&rows[i]))
	}
	slices.Sort(hashes)
	return len(slices.Compact(hashes)) < len(rows)
}

// currentHasDuplicates reports, while merging, whether the current dump lists a row
// twice.
func (m *dumpMerger[T, K]) currentHasDuplicates() bool {
	seen := make([]bool, len(m.list)-m.offset)
	for _, i := range m.current {
		if seen[i] {
			return true
		}
		seen[i] = true
	}
	return false
}

// selectCurrent replaces the union with the rows of the current dump.
func (m *dumpMerger[T, K]) selectCurrent() {
	rows := make([]T, len(m.current))
	for n, i := range m.current {
		rows[n] = m.list[m.offset+int(i)]
	}
	m.list = append(m.list[:m.offset], rows...)
}
