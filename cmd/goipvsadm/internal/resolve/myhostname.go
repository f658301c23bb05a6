package resolve

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// The source myhostname, which is systemd's, knows the machine's own names.

// gateway is the name of the default route's.
const gateway = "_gateway"

// noAddress is the machine's where no interface has one.
var noAddress = netip.AddrFrom4([4]byte{127, 0, 0, 2})

// A machine is what it is named after.
type localHost struct {
	name      func() (string, error)
	addresses func() []netip.Addr // of its interfaces, without loopback ones
	routes    string              // the kernel's file of IPv4 routes
}

func thisMachine() *localHost {
	return &localHost{os.Hostname, interfaceAddresses, "/proc/net/route"}
}

func interfaceAddresses() []netip.Addr {
	var addrs []netip.Addr
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLoopback() {
			addrs = append(addrs, p.Addr())
		}
	}
	return addrs
}

// lookup returns the IPv4 addresses of a name.
func (m *localHost) lookup(name string) []netip.Addr {
	name = lower(strings.TrimSuffix(name, "."))
	switch {
	case isLocalhost(name):
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	case name == gateway:
		return m.gateways()
	}
	if own, err := m.name(); err != nil || lower(own) != name {
		return nil
	}
	var addrs []netip.Addr
	for _, a := range m.addresses() {
		if a.Is4() {
			addrs = append(addrs, a)
		}
	}
	if addrs == nil {
		return []netip.Addr{noAddress}
	}
	return addrs
}

func isLocalhost(name string) bool {
	for _, domain := range []string{"localhost", "localhost.localdomain"} {
		if name == domain || strings.HasSuffix(name, "."+domain) {
			return true
		}
	}
	return false
}

// reverse returns the name of an address, or "".
func (m *localHost) reverse(addr netip.Addr) string {
	own, err := m.name()
	if err != nil {
		own = ""
	}
	switch {
	case addr == noAddress:
		return own
	case addr == netip.IPv6Loopback(), addr == netip.AddrFrom4([4]byte{127, 0, 0, 1}):
		return "localhost"
	}
	for _, a := range m.addresses() {
		if a == addr {
			return own
		}
	}
	for _, a := range m.gateways() {
		if a == addr {
			return gateway
		}
	}
	return ""
}

// gateways returns those of the default routes.
func (m *localHost) gateways() []netip.Addr {
	var addrs []netip.Addr
	for line := range strings.Lines(readFile(m.routes)) {
		words := split(line) // interface, destination, gateway, flags …, mask
		if len(words) < 8 || words[1] != "00000000" || words[7] != "00000000" {
			continue
		}
		n, err := strconv.ParseUint(words[2], 16, 32)
		if err != nil || n == 0 {
			continue
		}
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], uint32(n))
		addrs = append(addrs, netip.AddrFrom4(b))
	}
	return addrs
}
