package names

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"

	"goipvsadm/ipvs"
)

// A Database knows names of hosts and ports. It reads its files when the
// first name is asked for.
type Database struct {
	hosts    func() hosts
	services func() services
	resolver *net.Resolver
}

// System returns the machine's names: those of /etc/hosts, then the DNS, and
// /etc/services.
func System() *Database {
	return NewDatabase("/etc/hosts", "/etc/services", &net.Resolver{PreferGo: true})
}

// NewDatabase returns the names of a hosts file, then of the DNS as r asks it,
// and of a services file. A file that cannot be read has no names.
func NewDatabase(hostsFile, servicesFile string, r *net.Resolver) *Database {
	return &Database{
		hosts:    sync.OnceValue(func() hosts { return readHosts(readFile(hostsFile)) }),
		services: sync.OnceValue(func() services { return readServices(readFile(servicesFile)) }),
		resolver: r,
	}
}

// lookupHost returns the first IPv4 address of a host.
func (d *Database) lookupHost(name string) (netip.Addr, bool) {
	if addr, ok := d.hosts().addrs[strings.ToLower(name)]; ok {
		return addr, true
	}
	addrs, err := d.resolver.LookupNetIP(context.Background(), "ip4", name)
	if err != nil || len(addrs) == 0 {
		return netip.Addr{}, false
	}
	return addrs[0].Unmap(), true
}

// hostName returns the name of an address, or "".
func (d *Database) hostName(addr netip.Addr) string {
	if name, ok := d.hosts().names[addr]; ok {
		return name
	}
	// Of several names some may be malformed: an error beside good ones.
	found, _ := d.resolver.LookupAddr(context.Background(), addr.String())
	if len(found) == 0 {
		return ""
	}
	return strings.TrimSuffix(found[0], ".")
}

// AnyProtocol stands for all protocols where a port's name is read.
const AnyProtocol ipvs.Protocol = 0xffff

// lookupPort returns the port that has a name.
func (d *Database) lookupPort(name string, p ipvs.Protocol) (uint16, bool) {
	port, ok := d.services().ports[serviceName{name, protocolName(p)}]
	return port, ok
}

// portName returns the name of a port, or "".
func (d *Database) portName(port uint16, p ipvs.Protocol) string {
	return d.services().names[servicePort{port, protocolName(p)}]
}

// hosts is what the hosts file says. The first line decides.
type hosts struct {
	addrs map[string]netip.Addr // IPv4, by names in lower case
	names map[netip.Addr]string // the canonical ones
}

func readHosts(text string) hosts {
	h := hosts{make(map[string]netip.Addr), make(map[netip.Addr]string)}
	for line := range strings.Lines(text) {
		words := fields(line)
		if len(words) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(words[0])
		if err != nil || addr.Zone() != "" {
			continue
		}
		setFirst(h.names, addr, words[1])
		// The C library finds IPv4 addresses in these IPv6 lines too.
		if addr == netip.IPv6Loopback() {
			addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
		if addr = addr.Unmap(); addr.Is4() {
			setFirst(h.names, addr, words[1])
			for _, name := range words[1:] {
				setFirst(h.addrs, strings.ToLower(name), addr)
			}
		}
	}
	return h
}

// services is what the services file says. The first line decides.
type services struct {
	ports map[serviceName]uint16
	names map[servicePort]string // the canonical ones
}

// The protocol is as the file spells it, or anyProtocol.
type (
	serviceName struct{ name, protocol string }
	servicePort struct {
		port     uint16
		protocol string
	}
)

func readServices(text string) services {
	s := services{make(map[serviceName]uint16), make(map[servicePort]string)}
	for line := range strings.Lines(text) {
		words := fields(line)
		if len(words) < 2 {
			continue
		}
		number, protocol, _ := strings.Cut(words[1], "/")
		n, ok := Number(number, 0, 65535)
		if !ok || protocol == "" {
			continue
		}
		port := uint16(n)
		setFirst(s.names, servicePort{port, protocol}, words[0])
		words[1] = words[0] // the name and its aliases
		for _, name := range words[1:] {
			setFirst(s.ports, serviceName{name, protocol}, port)
			setFirst(s.ports, serviceName{name, anyProtocol}, port)
		}
	}
	return s
}

const anyProtocol = "/" // in no line, since it divides them

// protocolName returns a protocol as the services file spells it.
func protocolName(p ipvs.Protocol) string {
	switch p {
	case ipvs.TCP:
		return "tcp"
	case ipvs.UDP:
		return "udp"
	case ipvs.SCTP:
		return "sctp"
	case AnyProtocol:
		return anyProtocol
	}
	return ""
}

// readFile returns a file's text, and none where it cannot be read.
func readFile(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return string(b)
}

// fields are the words of a line in which # begins a comment.
func fields(line string) []string {
	line, _, _ = strings.Cut(line, "#")
	return strings.Fields(line)
}

func setFirst[K comparable, V any](m map[K]V, key K, value V) {
	if _, ok := m[key]; !ok {
		m[key] = value
	}
}
