// SPDX-License-Identifier: MIT

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

// A Database resolves names of hosts and ports. It reads its files on first use.
type Database struct {
	hosts    func() hosts
	services func() services
	resolver *net.Resolver

	sources   func(database string) sources // the sources of hosts or services
	localHost *localHost
	getent    *getent                     // nil if getent must not be run
	lookupEnv func(string) (string, bool) // environment variables of the C library's resolver
}

// System returns a Database of the names on the local machine, as configured by
// nsswitch.conf.
func System() *Database {
	d := NewDatabase("/etc/hosts", "/etc/services", &net.Resolver{PreferGo: true})
	config := sync.OnceValue(func() string { return readFile("/etc/nsswitch.conf") })
	d.sources = func(database string) sources { return nsswitchSources(config(), database) }
	d.localHost = systemLocalHost()
	d.getent = systemGetent()
	d.lookupEnv = lookupEnv
	return d
}

// NewDatabase returns a Database that looks up hosts in a hosts file and then with
// resolver in the DNS, and ports in a services file. A file that cannot be read is
// treated as empty.
func NewDatabase(hostsFile, servicesFile string, resolver *net.Resolver) *Database {
	return &Database{
		hosts:    sync.OnceValue(func() hosts { return readHosts(readFile(hostsFile)) }),
		services: sync.OnceValue(func() services { return readServices(readFile(servicesFile)) }),
		resolver: resolver,
		sources:  defaultSources,

		lookupEnv: emptyEnv,
	}
}

// emptyEnv is os.LookupEnv in an empty environment.
func emptyEnv(string) (string, bool) { return "", false }

// sourceUnavailable reports whether a source cannot have any names: the file or
// directory that it reads is missing, or the directory is empty.
func sourceUnavailable(s *source) bool {
	path := ""
	switch s.name {
	case "db":
		path = "/var/lib/misc/services.db"
	case "mymachines":
		path = "/run/systemd/machines"
	default:
		return false
	}
	entries, err := os.ReadDir(path)
	if errors.Is(err, syscall.ENOTDIR) {
		return false
	}
	return err != nil || len(entries) == 0
}

// isMinimalMDNS reports whether s is one of the mdns*_minimal sources, which have only
// names and addresses of the local link.
func isMinimalMDNS(s *source) bool {
	return strings.HasPrefix(s.name, "mdns") && strings.HasSuffix(s.name, "_minimal")
}

// isDotLocal reports whether name is in the domain local.
func isDotLocal(name string) bool {
	return strings.HasSuffix(toLower(strings.TrimSuffix(name, ".")), ".local")
}

// lookupHost returns the IPv4 addresses of a host.
func (d *Database) lookupHost(name string) ([]netip.Addr, bool) {
	return querySources(d.sources("hosts"), func(s *source) ([]netip.Addr, status) {
		switch s.name {
		case "files":
			if addr := d.hosts().addrs[toLower(name)]; addr.IsValid() {
				return []netip.Addr{addr}, success
			}
			return nil, notFound
		case "dns":
			return d.dnsHost(name)
		case "resolve": // includes the hosts file, as net.Resolver does
			return d.resolverHost(name)
		case "myhostname":
			addrs := d.localHost.hostAddrs(name)
			return addrs, lookupStatus(len(addrs), nil)
		}
		if sourceUnavailable(s) || isMinimalMDNS(s) && !isDotLocal(name) {
			return nil, unavailable
		}
		addrs, ok := d.getent.hostAddrs(s.configTail, name)
		return addrs, getentStatus(len(addrs), ok)
	})
}

// hostName returns the name of an address, or "" if it has none.
func (d *Database) hostName(addr netip.Addr) string {
	name, _ := querySources(d.sources("hosts"), func(s *source) (string, status) {
		switch s.name {
		case "files":
			name := d.hosts().names[addr]
			return name, lookupStatus(len(name), nil)
		case "dns":
			return d.dnsName(addr)
		case "resolve":
			return d.resolverName(addr.String())
		case "myhostname":
			name := d.localHost.hostName(addr)
			return name, lookupStatus(len(name), nil)
		}
		if sourceUnavailable(s) || isMinimalMDNS(s) && !addr.IsLinkLocalUnicast() {
			return "", unavailable
		}
		name, ok := d.getent.hostName(s.configTail, addr)
		return name, getentStatus(len(name), ok)
	})
	return name
}

// getentStatus returns the status of a getent query with n results; ok is false if
// getent could not be run or timed out.
func getentStatus(n int, ok bool) status {
	switch {
	case !ok:
		return unavailable
	case n > 0:
		return success
	}
	return notFoundInTail
}

// AnyProtocol makes AddrPort accept the port names of all protocols.
const AnyProtocol ipvs.Protocol = 0xffff

// lookupPort returns the port with the given name.
func (d *Database) lookupPort(name string, p ipvs.Protocol) (uint16, bool) {
	return querySources(d.sources("services"), func(s *source) (uint16, status) {
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
		lines, ok := d.getent.query(s.configTail, "services", key)
		for _, words := range lines {
			number, _, _ := strings.Cut(words[1], "/")
			if n, ok := Number(number, 0, 65535); ok {
				return uint16(n), success
			}
		}
		return 0, getentStatus(0, ok)
	})
}

// portName returns the name of a port, or "" if it has none.
func (d *Database) portName(port uint16, p ipvs.Protocol) string {
	protocol := protocolName(p)
	if protocol == "" {
		return ""
	}
	name, _ := querySources(d.sources("services"), func(s *source) (string, status) {
		if s.name == "files" {
			name := d.services().names[servicePort{port, protocol}]
			return name, lookupStatus(len(name), nil)
		}
		if sourceUnavailable(s) {
			return "", unavailable
		}
		lines, ok := d.getent.query(s.configTail, "services", strconv.Itoa(int(port))+"/"+protocol)
		if len(lines) == 0 {
			return "", getentStatus(0, ok)
		}
		return lines[0][0], success
	})
	return name
}

// hosts holds the entries of a hosts file. If lines conflict, the first is used.
type hosts struct {
	addrs map[string]netip.Addr // IPv4 addresses by lower-case name; invalid for names with IPv6 addresses only
	names map[netip.Addr]string // canonical names
}

func readHosts(text string) hosts {
	h := hosts{make(map[string]netip.Addr), make(map[netip.Addr]string)}
	for line := range strings.Lines(text) {
		words := fieldsBeforeComment(line)
		if len(words) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(words[0])
		if err != nil || addr.Zone() != "" {
			continue
		}
		setIfAbsent(h.names, addr, words[1])
		// The C library treats ::1 and IPv4-mapped addresses as IPv4 too.
		if addr == netip.IPv6Loopback() {
			addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
		if addr = addr.Unmap(); addr.Is4() {
			setIfAbsent(h.names, addr, words[1])
		} else {
			addr = netip.Addr{}
		}
		for _, name := range words[1:] {
			if name = toLower(name); !h.addrs[name].IsValid() {
				h.addrs[name] = addr
			}
		}
	}
	return h
}

// contains reports whether h has name, with or without a trailing dot.
func (h hosts) contains(name string) bool {
	name = strings.TrimSuffix(toLower(name), ".")
	_, plain := h.addrs[name]
	_, dotted := h.addrs[name+"."]
	return plain || dotted
}

// services holds the entries of a services file. If lines conflict, the first is
// used.
type services struct {
	ports map[serviceName]uint16
	names map[servicePort]string // canonical names
}

// Keys of services. The protocol is a name from the file, or anyProtocolName.
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
		words := fieldsBeforeComment(line)
		if len(words) < 2 {
			continue
		}
		number, protocol, _ := strings.Cut(words[1], "/")
		n, ok := Number(number, 0, 65535)
		if !ok || protocol == "" {
			continue
		}
		port := uint16(n)
		setIfAbsent(s.names, servicePort{port, protocol}, words[0])
		words[1] = words[0] // words[1:] is now the name and its aliases
		for _, name := range words[1:] {
			setIfAbsent(s.ports, serviceName{name, protocol}, port)
			setIfAbsent(s.ports, serviceName{name, anyProtocolName}, port)
		}
	}
	return s
}

// anyProtocolName cannot occur in a services file, where / separates port and protocol.
const anyProtocolName = "/"

// protocolName returns the name of p in a services file, or "" if it has none.
func protocolName(p ipvs.Protocol) string {
	switch p {
	case ipvs.TCP:
		return "tcp"
	case ipvs.UDP:
		return "udp"
	case ipvs.SCTP:
		return "sctp"
	case AnyProtocol:
		return anyProtocolName
	}
	return ""
}

// readFile returns the contents of a file, or "" if it cannot be read.
func readFile(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return string(b)
}

// fieldsBeforeComment splits a line up to its comment, which begins with #.
func fieldsBeforeComment(line string) []string {
	line, _, _ = strings.Cut(line, "#")
	return fields(line)
}

func setIfAbsent[K comparable, V any](m map[K]V, key K, value V) {
	if _, ok := m[key]; !ok {
		m[key] = value
	}
}
