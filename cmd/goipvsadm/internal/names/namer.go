package names

import (
	"net/netip"
	"strconv"
	"sync"
	"unicode"
	"unicode/utf8"

	"goipvsadm/ipvs"
)

// textMax is the number of bytes to which an address with its port is cut.
const textMax = 59

// lookups is how many reverse look-ups run side by side: enough that a slow
// name server is waited for once and not once an address, and few enough for
// the limit on open files.
const lookups = 128

// A Namer writes addresses by name where they have one. It asks for the name
// of an address once.
type Namer struct {
	db    *Database
	hosts map[netip.Addr]string // "" where there is no name
	ports map[portKey]string
}

type portKey struct {
	port     uint16
	protocol ipvs.Protocol
}

// NewNamer returns a Namer that takes its names from db.
func NewNamer(db *Database) *Namer {
	return &Namer{db: db, hosts: make(map[netip.Addr]string), ports: make(map[portKey]string)}
}

// Prefetch looks the names of addrs up, side by side. Addresses may repeat.
func (n *Namer) Prefetch(addrs []netip.Addr) {
	var unknown []netip.Addr
	for _, addr := range addrs {
		if _, ok := n.hosts[addr]; !ok {
			n.hosts[addr] = ""
			unknown = append(unknown, addr)
		}
	}
	found := make([]string, len(unknown))
	var (
		wg   sync.WaitGroup
		next = make(chan int)
	)
	for range min(lookups, len(unknown)) {
		wg.Go(func() {
			for i := range next {
				found[i] = printable(n.db.hostName(unknown[i]))
			}
		})
	}
	for i := range unknown {
		next <- i
	}
	close(next)
	wg.Wait()
	for i, addr := range unknown {
		n.hosts[addr] = found[i]
	}
}

// Append appends ap as NAME:PORTNAME, or [NAME]:PORTNAME for IPv6, with a
// number for either that has no name. Ports have names by their protocol, so
// those of protocol 0 have none. The text is cut to 59 bytes.
func (n *Namer) Append(b []byte, ap netip.AddrPort, p ipvs.Protocol) []byte {
	start := len(b)
	addr := ap.Addr()
	if !addr.Is4() {
		b = append(b, '[')
	}
	if name := n.host(addr); name != "" {
		b = append(b, name...)
	} else {
		b = AppendAddr(b, addr)
	}
	if !addr.Is4() {
		b = append(b, ']')
	}
	b = append(b, ':')
	if name := n.port(ap.Port(), p); name != "" {
		b = append(b, name...)
	} else {
		b = strconv.AppendUint(b, uint64(ap.Port()), 10)
	}
	return b[:min(len(b), start+textMax)]
}

func (n *Namer) host(addr netip.Addr) string {
	name, ok := n.hosts[addr]
	if !ok {
		name = printable(n.db.hostName(addr))
		n.hosts[addr] = name
	}
	return name
}

func (n *Namer) port(port uint16, p ipvs.Protocol) string {
	key := portKey{port, p}
	name, ok := n.ports[key]
	if !ok {
		name = printable(n.db.portName(port, p))
		n.ports[key] = name
	}
	return name
}

// printable returns name, or "" if it has control characters: whoever owns
// the address chose it, and could otherwise send them to the terminal.
func printable(name string) string {
	for i := 0; i < len(name); {
		r, size := utf8.DecodeRuneInString(name[i:])
		if r == utf8.RuneError && size == 1 {
			r = rune(name[i]) // not UTF-8, so for an 8-bit terminal
		}
		if unicode.IsControl(r) {
			return ""
		}
		i += size
	}
	return name
}
