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

// textMax is the number of bytes to which an address with its port is cut.
const maxLen = 59

// lookups is how many reverse look-ups run side by side: enough that a slow
// name server is waited for once and not once an address, and few enough for
// the limit on open files.
const maxConcurrentLookups = 128

// An Endpoint is what has a name: the protocol names the port.
type Endpoint struct {
	netip.AddrPort
	ipvs.Protocol
}

// A Namer writes addresses by name where they have one. It asks for the name
// of an address once.
type Namer struct {
	db        *Database
	roundTrip bool
	hosts     map[netip.Addr]string // "" where there is no name
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

// NewSaver returns a Namer that writes a name only where it reads back as the
// same address or port.
func NewRoundTripNamer(db *Database) *Namer {
	n := NewNamer(db)
	n.roundTrip = true
	return n
}

// Prefetch looks the names of endpoints up, side by side. They may repeat.
func (n *Namer) Prefetch(endpoints []Endpoint) {
	var jobs []func()
	hosts, ports := make(map[netip.Addr]*string), make(map[portKey]*string)
	for _, e := range endpoints {
		addr, port := e.Addr(), portKey{e.Port(), e.Protocol}
		if _, ok := n.hosts[addr]; !ok && hosts[addr] == nil {
			name := new(string)
			hosts[addr] = name
			jobs = append(jobs, func() { *name = n.findHost(addr) })
		}
		if _, ok := n.ports[port]; !ok && ports[port] == nil {
			name := new(string)
			ports[port] = name
			jobs = append(jobs, func() { *name = n.findPort(port) })
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

// Append appends ap as NAME:PORTNAME, or [NAME]:PORTNAME for IPv6, with a
// number for either that has no name. Ports have names by their protocol, so
// those of protocol 0 have none. The text is cut to 59 bytes, but for that of a
// saver, which has numbers then.
func (n *Namer) Append(b []byte, ap netip.AddrPort, p ipvs.Protocol) []byte {
	start := len(b)
	host, port := n.host(ap.Addr()), n.port(ap.Port(), p)
	b = appendNames(b, ap, host, port)
	if !n.roundTrip {
		return b[:min(len(b), start+maxLen)]
	}
	for _, shorter := range [][2]string{{host, ""}, {"", port}, {"", ""}} {
		if len(b)-start <= maxLen {
			break
		}
		b = appendNames(b[:start], ap, shorter[0], shorter[1])
	}
	return b
}

// appendNames appends ap by the names that are not "".
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

func (n *Namer) host(addr netip.Addr) string {
	name, ok := n.hosts[addr]
	if !ok {
		name = n.findHost(addr)
		n.hosts[addr] = name
	}
	return name
}

func (n *Namer) port(port uint16, p ipvs.Protocol) string {
	key := portKey{port, p}
	name, ok := n.ports[key]
	if !ok {
		name = n.findPort(key)
		n.ports[key] = name
	}
	return name
}

// findHost returns the name of an address, or "" where that is better written
// as a number.
func (n *Namer) findHost(addr netip.Addr) string {
	if n.roundTrip && !addr.Is4() {
		return "" // names never read as IPv6
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

// reads reports whether name is read as addr, and never as another address. A
// # would begin a comment in the place where host names stand.
func (n *Namer) roundTrips(name string, addr netip.Addr) bool {
	if name == "" || name[0] == '#' {
		return false
	}
	addrs, _ := n.db.lookupHost(name)
	return len(addrs) > 0 && !slices.ContainsFunc(addrs, func(a netip.Addr) bool { return a != addr })
}

// findPort returns the name of a port, or "" where that is better written as a
// number.
func (n *Namer) findPort(k portKey) string {
	name := n.db.portName(k.port, k.protocol)
	if _, number := Number(name, math.MinInt64, math.MaxInt64); number || hasUnsafeRunes(name) {
		return ""
	}
	if n.roundTrip {
		// The port of a word is behind its last colon.
		if port, ok := n.db.port(name, k.protocol); !ok || port != k.port || strings.Contains(name, ":") {
			return ""
		}
	}
	return name
}

// harmful reports whether a name does more on a terminal than be seen: whoever
// owns an address chooses its name. White space would make other columns of it.
func hasUnsafeRunes(name string) bool {
	return termsafe.HasControl(name) || strings.ContainsFunc(name, unicode.IsSpace)
}

// meansAddress reports whether a name is, or could be taken for, an address:
// with a port, in brackets, with a zone, of too many parts.
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
