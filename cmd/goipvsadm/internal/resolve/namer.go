// SPDX-License-Identifier: MIT

package resolve

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"goipvsadm/cmd/goipvsadm/internal/termsafe"
	"goipvsadm/ipvs"
)

// maxLen is the length in bytes to which Namer truncates an address with its port.
const maxLen = 59

// maxConcurrentLookups limits the number of concurrent reverse lookups, each of which
// needs a file descriptor.
const maxConcurrentLookups = 128

// An Endpoint is an address and port with the protocol that determines the name of the
// port.
type Endpoint struct {
	netip.AddrPort
	ipvs.Protocol
}

// A Namer formats addresses by name if they have one. It looks up each name once.
type Namer struct {
	db        *Database
	roundTrip bool                  // use only names that read back as the same address or port
	hosts     map[netip.Addr]string // cached names; "" for addresses without one
	ports     map[portKey]string
}

type portKey struct {
	port     uint16
	protocol ipvs.Protocol
}

// NewNamer returns a Namer that takes its names from db.
func NewNamer(db *Database) *Namer {
	return &Namer{db: db, hosts: make(map[netip.Addr]string), ports: make(map[portKey]string)}
}

// NewRoundTripNamer returns a Namer that uses a name only if it reads back as the same
// address or port.
func NewRoundTripNamer(db *Database) *Namer {
	n := NewNamer(db)
	n.roundTrip = true
	return n
}

// Prefetch looks up the names of endpoints concurrently. Endpoints may repeat.
func (n *Namer) Prefetch(endpoints []Endpoint) {
	var jobs []func()
	hosts, ports := make(map[netip.Addr]*string), make(map[portKey]*string)
	for _, e := range endpoints {
		addr, port := e.Addr(), portKey{e.Port(), e.Protocol}
		if _, ok := n.hosts[addr]; !ok && hosts[addr] == nil {
			name := new(string)
			hosts[addr] = name
			jobs = append(jobs, func() { *name = n.lookupHostName(addr) })
		}
		if _, ok := n.ports[port]; !ok && ports[port] == nil {
			name := new(string)
			ports[port] = name
			jobs = append(jobs, func() { *name = n.lookupPortName(port) })
		}
	}
	var (
		wg   sync.WaitGroup
		next = make(chan func())
	)
	for range min(maxConcurrentLookups, len(jobs)) {
		wg.Go(func() {
			for job := range next {
				job()
			}
		})
	}
	for _, job := range jobs {
		next <- job
	}
	close(next)
	wg.Wait()
	for addr, name := range hosts {
		n.hosts[addr] = *name
	}
	for port, name := range ports {
		n.ports[port] = *name
	}
}

// Append appends ap as NAME:PORTNAME, or [NAME]:PORTNAME for IPv6. A host or port
// without a name is numeric; ports have no names if p is 0. The text is truncated to
// 59 bytes; a round-trip Namer uses numbers instead of names that do not fit.
func (n *Namer) Append(b []byte, ap netip.AddrPort, p ipvs.Protocol) []byte {
	start := len(b)
	host, port := n.hostName(ap.Addr()), n.portName(ap.Port(), p)
	b = appendNames(b, ap, host, port)
	if !n.roundTrip {
		return b[:min(len(b), start+maxLen)]
	}
	for _, names := range [][2]string{{host, ""}, {"", port}, {"", ""}} {
		if len(b)-start <= maxLen {
			break
		}
		b = appendNames(b[:start], ap, names[0], names[1])
	}
	return b
}

// appendNames appends ap with host and port in place of its numbers, unless they are "".
func appendNames(b []byte, ap netip.AddrPort, host, port string) []byte {
	if host == "" && port == "" {
		return AppendNumeric(b, ap)
	}
	addr := ap.Addr()
	if !addr.Is4() {
		b = append(b, '[')
	}
	if host != "" {
		b = append(b, host...)
	} else {
		b = AppendAddr(b, addr)
	}
	if !addr.Is4() {
		b = append(b, ']')
	}
	b = append(b, ':')
	if port != "" {
		return append(b, port...)
	}
	return strconv.AppendUint(b, uint64(ap.Port()), 10)
}

func (n *Namer) hostName(addr netip.Addr) string {
	name, ok := n.hosts[addr]
	if !ok {
		name = n.lookupHostName(addr)
		n.hosts[addr] = name
	}
	return name
}

func (n *Namer) portName(port uint16, p ipvs.Protocol) string {
	key := portKey{port, p}
	name, ok := n.ports[key]
	if !ok {
		name = n.lookupPortName(key)
		n.ports[key] = name
	}
	return name
}

// lookupHostName returns the name of an address, or "" if it has none or the name must
// not be used.
func (n *Namer) lookupHostName(addr netip.Addr) string {
	if n.roundTrip && !addr.Is4() {
		return "" // names are parsed as IPv4 hosts only
	}
	name := n.db.hostName(addr)
	if hasUnsafeRunes(name) || looksLikeAddress(name) {
		return ""
	}
	if n.roundTrip && !n.roundTrips(name, addr) {
		return ""
	}
	return name
}

// roundTrips reports whether name reads back as addr: addr is its only address.
func (n *Namer) roundTrips(name string, addr netip.Addr) bool {
	if name == "" || name[0] == '#' { // # starts a comment in a rule file
		return false
	}
	addrs, _ := n.db.lookupHost(name)
	return len(addrs) > 0 && !slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a != addr })
}

// lookupPortName returns the name of a port, or "" if it has none or the name must not
// be used.
func (n *Namer) lookupPortName(k portKey) string {
	name := n.db.portName(k.port, k.protocol)
	if _, number := Number(name, math.MinInt64, math.MaxInt64); number || hasUnsafeRunes(name) {
		return ""
	}
	if n.roundTrip {
		// The parser splits host and port at the last colon.
		if port, ok := n.db.port(name, k.protocol); !ok || port != k.port || strings.Contains(name, ":") {
			return ""
		}
	}
	return name
}

// hasUnsafeRunes reports whether name contains control characters, which could control
// the terminal, or white space, which would shift columns. The owner of an address
// chooses its name.
func hasUnsafeRunes(name string) bool {
	return termsafe.HasControl(name) || strings.ContainsFunc(name, unicode.IsSpace)
}

// looksLikeAddress reports whether name is an address or resembles one: it contains a
// port, brackets, a zone or a prefix length, or consists of digits and dots.
func looksLikeAddress(name string) bool {
	if name == "" {
		return false
	}
	if strings.ContainsAny(name, ":[]%/") || strings.Trim(name, "0123456789.") == "" {
		return true
	}
	_, ok := parseIPv4(strings.TrimRight(name, "."))
	return ok
}
