// SPDX-License-Identifier: MIT

package resolve

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// This file implements the source myhostname (nss-myhostname(8) of systemd), which
// resolves the names of the local machine.

// gatewayName is the name of the gateways of default routes.
const gatewayName = "_gateway"

// fallbackAddr returns the address of the local host name if no interface has one.
func fallbackAddr() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 2}) }

// A localHost provides the names and addresses of the local machine.
type localHost struct {
	hostname       func() (string, error)
	interfaceAddrs func() []netip.Addr // addresses of all interfaces except loopback addresses
	routeFile      string              // IPv4 routes in the format of /proc/net/route
}

func systemLocalHost() *localHost {
	return &localHost{os.Hostname, systemInterfaceAddrs, "/proc/net/route"}
}

func systemInterfaceAddrs() []netip.Addr {
	var addrs []netip.Addr
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLoopback() {
			addrs = append(addrs, p.Addr())
		}
	}
	return addrs
}

// hostAddrs returns the IPv4 addresses of a name.
func (h *localHost) hostAddrs(name string) []netip.Addr {
	name = toLower(strings.TrimSuffix(name, "."))
	switch {
	case isLocalhost(name):
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	case name == gatewayName:
		return h.gatewayAddrs()
	}
	if own, err := h.hostname(); err != nil || toLower(own) != name {
		return nil
	}
	var addrs []netip.Addr
	for _, a := range h.interfaceAddrs() {
		if a.Is4() {
			addrs = append(addrs, a)
		}
	}
	if addrs == nil {
		return []netip.Addr{fallbackAddr()}
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

// hostName returns the name of an address, or "" if it has none.
func (h *localHost) hostName(addr netip.Addr) string {
	own, err := h.hostname()
	if err != nil {
		own = ""
	}
	switch {
	case addr == fallbackAddr():
		return own
	case addr == netip.IPv6Loopback(), addr == netip.AddrFrom4([4]byte{127, 0, 0, 1}):
		return "localhost"
	}
	for _, a := range h.interfaceAddrs() {
		if a == addr {
			return own
		}
	}
	for _, a := range h.gatewayAddrs() {
		if a == addr {
			return gatewayName
		}
	}
	return ""
}

// gatewayAddrs returns the gateways of the default routes.
func (h *localHost) gatewayAddrs() []netip.Addr {
	var addrs []netip.Addr
	for line := range strings.Lines(readFile(h.routeFile)) {
		words := fields(line) // interface, destination, gateway, flags …, mask
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
