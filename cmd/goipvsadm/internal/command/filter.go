// SPDX-License-Identifier: MIT

package command

import (
	"net/netip"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
)

// This file has the setters of the flags that select what -L lists.

func (p *Parser) setServerFilter(value string) *Error {
	return p.setEndpointFilter("server", value, &p.cmd.Filter.Destination)
}

func (p *Parser) setVIPFilter(value string) *Error {
	return p.setEndpointFilter("vip", value, &p.cmd.Filter.VIP)
}

func (p *Parser) setEndpointFilter(flag, value string, field *netip.AddrPort) *Error {
	ap, _, ok := p.filterAddrPort(value)
	if !ok {
		return errorf("--%s takes HOST[:PORT], not `%s'", flag, value)
	}
	*field = ap
	return nil
}

// setClientFilter parses an address, or a network as ADDRESS/PREFIX.
func (p *Parser) setClientFilter(value string) *Error {
	if strings.Contains(value, "/") {
		network, err := netip.ParsePrefix(value)
		if err != nil || network.Addr().Is4In6() {
			return clientFilterError(value)
		}
		p.cmd.Filter.Client = network
		return nil
	}
	ap, hasPort, ok := p.filterAddrPort(value)
	if !ok || hasPort {
		return clientFilterError(value)
	}
	p.cmd.Filter.Client = netip.PrefixFrom(ap.Addr(), ap.Addr().BitLen())
	return nil
}

func clientFilterError(value string) *Error {
	return errorf("--client takes ADDRESS[/PREFIX], such as 192.0.2.7 or 192.0.2.0/24, not `%s'", value)
}

// filterAddrPort parses HOST[:PORT] like the address of a service, except that
// brackets around an IPv6 address do not require a port, and that an IPv4-mapped
// address, as servers log it, stands for the IPv4 address. A port name of any
// protocol is accepted.
func (p *Parser) filterAddrPort(value string) (ap netip.AddrPort, hasPort, ok bool) {
	if strings.HasPrefix(value, "[") && strings.HasSuffix(value, "]") {
		value = value[1 : len(value)-1]
	}
	ap, hasPort, ok = p.names.AddrPort(value, resolve.AnyProtocol)
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), hasPort, ok
}

// setStateFilter parses the name of a connection state. Case is ignored, and - and
// _ are equivalent: ss(8) prints SYN-RECV for SYN_RECV.
func (p *Parser) setStateFilter(value string) *Error {
	underscores := strings.NewReplacer("-", "_")
	for _, state := range ipvs.ConnectionStates {
		if strings.EqualFold(underscores.Replace(state), underscores.Replace(value)) {
			p.cmd.Filter.State = state
			return nil
		}
	}
	return errorf("--state takes one of %s, not `%s'", strings.Join(ipvs.ConnectionStates[:], ", "), value)
}
