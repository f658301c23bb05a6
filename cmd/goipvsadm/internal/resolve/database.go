package resolve

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"goipvsadm/ipvs"
)

// A Database knows names of hosts and ports. It reads its files when the
// first name is asked for.
type Database struct {
	hosts    func() hosts
	services func() services
	resolver *net.Resolver

	order   func(database string) sources
	machine *localHost
	getent  *getent // nil for none
}

// System returns the machine's names, as nsswitch.conf has them.
func System() *Database {
	d := NewDatabase("/etc/hosts", "/etc/services", &net.Resolver{PreferGo: true})
	config := sync.OnceValue(func() string { return readFile("/etc/nsswitch.conf") })
	d.order = func(database string) sources { return readOrder(config(), database) }
	d.machine = thisMachine()
	d.getent = systemGetent()
	return d
}

// NewDatabase returns the names of a hosts file, then of the DNS as r asks it,
// and of a services file. A file that cannot be read has no names.
func NewDatabase(hostsFile, servicesFile string, r *net.Resolver) *Database {
	return &Database{
		hosts:    sync.OnceValue(func() hosts { return readHosts(readFile(hostsFile)) }),
		services: sync.OnceValue(func() services { return readServices(readFile(servicesFile)) }),
		resolver: r,
		order:    usualOrder,
	}
}

// What some sources need to be there: without it they have no names.
var requiredPaths = map[string]string{
	"db":         "/var/lib/misc/services.db",
	"mymachines": "/run/systemd/machines",
}

// absent reports whether a source cannot have any names.
func sourceUnavailable(s *source) bool {
	path := requiredPaths[s.name]
	if path == "" {
		return false
	}
	entries, err := os.ReadDir(path)
	if errors.Is(err, syscall.ENOTDIR) {
		return false
	}
	return err != nil || len(entries) == 0
}

// onlyLocal reports whether a source has but the names of the local link, as
// multicast DNS that is minimal.
func onlyLocal(s *source) bool {
	return strings.HasPrefix(s.name, "mdns") && strings.HasSuffix(s.name, "_minimal")
}

// isLocal reports whether a name is one of the local link.
func isLocal(name string) bool {
	return strings.HasSuffix(lower(strings.TrimSuffix(name, ".")), ".local")
}

// lookupHost returns the IPv4 addresses of a host.
func (d *Database) lookupHost(name string) ([]netip.Addr, bool) {
	return find(d.order("hosts"), func(s *source) ([]netip.Addr, status) {
		switch s.name {
		case "files":
			if addr := d.hosts().addrs[lower(name)]; addr.IsValid() {
				return []netip.Addr{addr}, success
			}
			return nil, notFound
		case "dns":
			return d.dnsHost(name)
		case "resolve": // has what is in the hosts file too
			return d.resolveHost(name)
		case "myhostname":
			addrs := d.machine.lookup(name)
			return addrs, lookupStatus(len(addrs), nil)
		}
		if sourceUnavailable(s) || onlyLocal(s) && !isLocal(name) {
			return nil, unavailable
		}
		addrs, ok := d.getent.host(s.rest, name)
		return addrs, getentStatus(len(addrs), ok)
	})
}

// hostName returns the name of an address, or "".
func (d *Database) hostName(addr netip.Addr) string {
	name, _ := find(d.order("hosts"), func(s *source) (string, status) {
		switch s.name {
		case "files":
			name := d.hosts().names[addr]
			return name, lookupStatus(len(name), nil)
		case "dns":
			return d.dnsName(addr)
		case "resolve":
			return d.resolveName(addr.String())
		case "myhostname":
			name := d.machine.reverse(addr)
			return name, lookupStatus(len(name), nil)
		}
		if sourceUnavailable(s) || onlyLocal(s) && !addr.IsLinkLocalUnicast() {
			return "", unavailable
		}
		name, ok := d.getent.name(s.rest, addr)
		return name, getentStatus(len(name), ok)
	})
	return name
}

// asked is the status of an answer of getent, which is final if it was run.
func getentStatus(n int, ok bool) status {
	switch {
	case !ok:
		return unavailable
	case n > 0:
		return success
	}
	return numStatuses
}

// AnyProtocol stands for all protocols where a port's name is read.
const AnyProtocol ipvs.Protocol = 0xffff

// lookupPort returns the port that has a name.
func (d *Database) lookupPort(name string, p ipvs.Protocol) (uint16, bool) {
	return find(d.order("services"), func(s *source) (uint16, status) {
		if s.name == "files" {
			if port, ok := d.services().ports[serviceName{name, protocolName(p)}]; ok {
				return port, success
			}
			return 0, notFound
		}
		if sourceUnavailable(s) {
			return 0, unavailable
		}
		key := name
		if p != AnyProtocol {
			key += "/" + protocolName(p)
		}
		lines, ok := d.getent.ask(s.rest, "services", key)
		for _, words := range lines {
			number, _, _ := strings.Cut(words[1], "/")
			if n, ok := Number(number, 0, 65535); ok {
				return uint16(n), success
			}
		}
		return 0, getentStatus(0, ok)
	})
}

// portName returns the name of a port, or "".
func (d *Database) portName(port uint16, p ipvs.Protocol) string {
	protocol := protocolName(p)
	if protocol == "" {
		return ""
	}
	name, _ := find(d.order("services"), func(s *source) (string, status) {
		if s.name == "files" {
			name := d.services().names[servicePort{port, protocol}]
			return name, lookupStatus(len(name), nil)
		}
		if sourceUnavailable(s) {
			return "", unavailable
		}
		lines, ok := d.getent.ask(s.rest, "services", strconv.Itoa(int(port))+"/"+protocol)
		if len(lines) == 0 {
			return "", getentStatus(0, ok)
		}
		return lines[0][0], success
	})
	return name
}

// hosts is what the hosts file says. The first line decides.
type hosts struct {
	addrs map[string]netip.Addr // IPv4, by names in lower case; invalid for names that have but IPv6
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
		} else {
			addr = netip.Addr{}
		}
		for _, name := range words[1:] {
			if name = lower(name); !h.addrs[name].IsValid() {
				h.addrs[name] = addr
			}
		}
	}
	return h
}

// mention reports whether a name is there, with or without a dot at its end.
func (h hosts) contains(name string) bool {
	name = strings.TrimSuffix(lower(name), ".")
	_, plain := h.addrs[name]
	_, dotted := h.addrs[name+"."]
	return plain || dotted
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
	return split(line)
}

func setFirst[K comparable, V any](m map[K]V, key K, value V) {
	if _, ok := m[key]; !ok {
		m[key] = value
	}
}
