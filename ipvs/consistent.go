package ipvs

import (
	"errors"
	"hash/maphash"
	"net/netip"
	"slices"
	"syscall"

	"goipvsadm/netlinkmsg"
)

// The kernel dumps a list in datagrams and continues each at the number of rows
// that it has dumped so far. If rows before this position are removed in between,
// it skips as many rows, and if rows are added, it repeats some; it does not mark
// the dump as interrupted. A skipped row is indistinguishable from one that was
// removed, so a dump of several datagrams does not prove that a row is absent.

// ServicesConsistent is like Services, but without duplicates, and no service that
// exists during the whole call is missing: it repeats the dump until two
// successive ones have the same services in the same order. If the table never
// stops changing, it returns after ten dumps all services that any of them has;
// services that were added or removed meanwhile may then be present or absent.
//
// One guarantee is not absolute, because the kernel offers no atomic dump: a
// service can be missing if all dumps skip it, that is, if in each of them another
// service is removed at a certain moment, and, unless the table never stops
// changing, added again before the next.
func (c *Client) ServicesConsistent() ([]Service, error) {
	var s Service
	return dumpConsistent(c, nil, &netlinkmsg.Message{Command: netlinkmsg.GetService}, &netlinkmsg.Message{Service: &s}, &s,
		func(s *Service) ServiceKey { return s.ServiceKey })
}

// AppendDestinationsConsistent is like AppendDestinations, with the guarantees of
// ServicesConsistent. The dump of a service with few destinations (19 or fewer on
// Linux 6.1) is a single datagram, which is atomic and is not repeated.
func (c *Client) AppendDestinationsConsistent(ds []Destination, key ServiceKey) ([]Destination, error) {
	var d Destination
	request := &netlinkmsg.Message{Command: netlinkmsg.GetDestination, Service: &Service{ServiceKey: key}}
	return dumpConsistent(c, ds, request, &netlinkmsg.Message{Destination: &d}, &d,
		func(d *Destination) netip.AddrPort { return d.AddrPort })
}

// Destination returns the destination of a service with the given address and
// port. It repeats a dump without the destination until two successive ones are
// the same and then returns ErrNoDestination, also if the service does not exist.
// If the destination is in none of ten different dumps, it returns
// ErrDumpInterrupted.
//
// Only UpdateDestination proves that a destination does not exist: see
// AppendDestinationsConsistent.
func (c *Client) Destination(key ServiceKey, ap netip.AddrPort) (Destination, error) {
	ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	var d, result Destination
	var keys, lastKeys []netip.AddrPort
	found, complete, first := false, false, true
	request := &netlinkmsg.Message{Command: netlinkmsg.GetDestination, Service: &Service{ServiceKey: key}}
	err := c.dump(request, &netlinkmsg.Message{Destination: &d},
		func() { keys = keys[:0] },
		func() {
			if found = found || d.AddrPort == ap; d.AddrPort == ap {
				result = d
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
// into row, to list. It repeats the dump as ServicesConsistent describes.
func dumpConsistent[T any, K comparable](c *Client, list []T, request, reply *netlinkmsg.Message, row *T, key func(*T) K) ([]T, error) {
	m := dumpMerger[T, K]{list: list, offset: len(list), key: key}
	err := c.dump(request, reply, m.start, func() { m.add(row) }, m.end)
	if errors.Is(err, ErrDumpInterrupted) && m.ended > 0 {
		err = nil // the union of all dumps
	}
	return m.list, err
}

// A dumpMerger merges successive dumps of the same list. As long as they are the
// same, it only compares them. Then it keeps the union of their rows.
type dumpMerger[T any, K comparable] struct {
	list   []T // rows of others, and from offset on the rows of the dumps
	offset int
	key    func(*T) K

	started, ended int // number of dumps
	next           int // while comparing: number of rows of the current dump

	merging       bool
	index         map[K]int32 // indexes of the rows from offset on
	current, last []int32     // rows of the current and of the previous dump
}

// start starts a dump.
func (m *dumpMerger[T, K]) start() {
	if m.ended == 0 && !m.merging {
		m.list = m.list[:m.offset] // drop the rows of a dump that was not read completely
	}
	m.started++
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

// merge starts to merge dumps. The current one has the first rows of the previous
// one.
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

// insert adds or replaces a row and returns its index.
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

// end ends a dump and reports whether another one is required.
func (m *dumpMerger[T, K]) end(atomic bool) bool {
	m.ended++
	switch {
	case m.ended == 1:
		return !atomic
	case !m.merging && m.next == len(m.list)-m.offset && !m.hasDuplicates():
		return false
	case !m.merging:
		m.merge() // the current dump has fewer rows, or the same duplicates
	}
	if atomic || slices.Equal(m.current, m.last) && !m.repeatsRow() {
		m.selectCurrent()
		return false
	}
	m.current, m.last = m.last, m.current
	return true
}

// hasDuplicates reports whether two rows have the same key, or keys with the same
// hash, which costs at most another dump. Hashes take an eighth of the memory of a
// map of the keys.
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

// repeatsRow reports whether the current dump has a row twice.
func (m *dumpMerger[T, K]) repeatsRow() bool {
	seen := make([]bool, len(m.list)-m.offset)
	for _, i := range m.current {
		if seen[i] {
			return true
		}
		seen[i] = true
	}
	return false
}

// selectCurrent drops all rows that the current dump does not have.
func (m *dumpMerger[T, K]) selectCurrent() {
	rows := make([]T, len(m.current))
	for n, i := range m.current {
		rows[n] = m.list[m.offset+int(i)]
	}
	m.list = append(m.list[:m.offset], rows...)
}
