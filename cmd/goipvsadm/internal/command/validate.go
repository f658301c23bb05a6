// SPDX-License-Identifier: MIT

package command

import (
	"math/bits"
	"net/netip"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
	"goipvsadm/sched"
)

// validate checks the command when all words have been parsed, in ipvsadm's
// order, and sets the fields that depend on several flags.
func (p *Parser) validate() *Error {
	if err := p.reparseDependent(); err != nil {
		return err
	}
	if p.cmd.Verb == SetTimeouts {
		if err := p.parseTimeouts(); err != nil {
			return err
		}
	}
	if p.cmd.Verb.ReadsFile() && len(p.operands) == 1 && p.hint == "" {
		p.setFile()
	} else if len(p.operands) > 0 {
		return p.unexpectedOperandError()
	}
	if p.cmd.KeepsScheduler() {
		// Check only that the flags exist. KeepService parses them again for the
		// scheduler that it keeps.
		if _, err := parseSchedFlags(p.cmd.SchedFlags, nil); err != nil {
			return err
		}
	} else if err := p.cmd.setSchedFlags(); err != nil {
		return err
	}
	given := p.cmd.Options &^ (1 << NetNS)
	if p.ServiceConnections && p.cmd.Verb == List && given.Has(Connection) {
		given &^= 1 << ServiceAddress
	}
	if err := p.cmd.optionRules().check(given, p.cmd.Verb, "command"); err != nil {
		return err
	}
	switch p.cmd.Verb {
	case AddService, EditService:
		return p.cmd.validateService(p.DetailedErrors)
	case AddServer, EditServer:
		if p.cmd.Options.HasAny(Keep, AllServices) {
			return p.cmd.validateKept(p.hasServerPort)
		}
		return p.cmd.validateServer(p.hasServerPort)
	case DeleteServer:
		p.cmd.selectServer(p.hasServerPort)
	case List:
		return p.cmd.validateListing()
	}
	return nil
}

// reparseDependent parses the values of -r and -M again if they precede the
// service, on which their meaning depends.
func (p *Parser) reparseDependent() *Error {
	given := p.cmd.Options
	s := &p.cmd.Service
	if given.Has(RealServer) && p.serverProtocol == resolve.AnyProtocol && !given.Has(AllServices) {
		if err := p.parseServer(portProtocol(s)); err != nil {
			return err
		}
	}
	switch {
	case !given.Has(Netmask):
		s.Netmask = ipvs.HostNetmask(s.Family)
	case s.Family == ipvs.IPv6:
		return p.setNetmask(p.netmask)
	}
	return nil
}

// parseTimeouts parses the first three operands as the timeouts of --set.
func (p *Parser) parseTimeouts() *Error {
	if len(p.operands) < 3 {
		return errorf("--set option requires 3 timeout values")
	}
	t := &p.cmd.Timeouts
	for i, field := range []*uint32{&t.TCP, &t.TCPFin, &t.UDP} {
		n, err := parseSeconds(p.operands[i], 0)
		if err != nil {
			return err
		}
		*field = n
	}
	p.operands = p.operands[3:]
	return nil
}

// setFile stores the operand, the name of a file of rules. A dash stands for
// standard input.
func (p *Parser) setFile() {
	if name := p.operands[0]; name != "-" {
		p.cmd.File = name
	}
}

// setSchedFlags sets the flags of -b.
func (c *Command) setSchedFlags() *Error {
	flags, err := parseSchedFlags(c.SchedFlags, &c.Service.Scheduler)
	c.Service.Flags |= flags
	return err
}

// parseSchedFlags parses the value of -b, a list separated by commas. It rejects flags
// that do not apply to scheduler, unless scheduler is nil. Empty elements are ignored,
// but a list of only empty elements is an error.
func parseSchedFlags(list string, scheduler *string) (flags ipvs.ServiceFlags, _ *Error) {
	if list == "" {
		return 0, nil
	}
	if strings.Trim(list, ",") == "" {
		return 0, errorf("invalid scheduler flag `'")
	}
	for name := range strings.SplitSeq(list, ",") {
		if name == "" {
			continue
		}
		f, ok := sched.FlagByName(name)
		if !ok {
			return 0, errorf("invalid scheduler flag `%s'", name)
		}
		if scheduler != nil && !f.AppliesTo(*scheduler) {
			return 0, errorf("incompatible scheduler flag `%s'", name)
		}
		flags |= ipvs.ServiceFlags(f.Bit)
	}
	return flags, nil
}

// validateService checks a service to add or edit. If detailed is set, the error of a
// missing port explains how a port follows an IPv6 address.
func (c *Command) validateService(detailed bool) *Error {
	s := &c.Service
	keeps := c.Options.Has(Keep) // the service may be persistent
	if keeps && c.Options&serviceOptions == 0 {
		return errorf("no option to edit: '%s' requires at least one of -s, -p, -M, --pe, -o and -b", Keep)
	}
	if !keeps && s.Mark == 0 && s.AddrPort.Port() == 0 && !c.Options.Has(Persistent) {
		const missing = "Zero port specified for non-persistent service"
		if detailed && s.Family == ipvs.IPv6 {
			return errorf(missing + " (before a port, an IPv6 address is written in brackets: [2001:db8::1]:80)")
		}
		return errorf(missing)
	}
	if c.Options.Has(Ops) && s.Mark == 0 && s.Protocol != ipvs.UDP {
		return errorf("One-Packet Scheduling is only for UDP virtual services")
	}
	return nil
}

// validateServer checks a server to add or edit. hasPort reports whether its
// port was given.
func (c *Command) validateServer(hasPort bool) *Error {
	c.setServerPort(hasPort)
	return c.validateMethod(0)
}

// setServerPort sets the port of a server to add or edit. Only masquerading can change
// the port of a packet; with other methods the server has the port of the service. A
// firewall mark has no port.
func (c *Command) setServerPort(hasPort bool) {
	d := &c.Destination
	port := d.AddrPort.Port()
	c.inheritPort(hasPort && (d.Method == ipvs.Masquerading || c.Service.Mark != 0))
	c.IgnoredPort = 0
	if hasPort && d.AddrPort.Port() != port {
		c.IgnoredPort = port
	}
}

// selectServer sets the port of the existing server that c selects or, with
// --all-services, AnyPort.
func (c *Command) selectServer(hasPort bool) {
	if c.Options.Has(AllServices) {
		c.AnyPort = !hasPort
	} else {
		c.inheritPort(hasPort)
	}
}

// validateMethod checks the forwarding method of a server. kept are the tunnelOptions
// that are not given, but keep the values of an existing server.
func (c *Command) validateMethod(kept Options) *Error {
	s, d := &c.Service, &c.Destination
	tunneling := d.Method == ipvs.Tunneling
	if !tunneling && d.AddrPort.Addr().Is4() != (s.Family == ipvs.IPv4) {
		return errorf("Different address family is allowed only for tunneling servers")
	}
	if !tunneling && c.Options&tunnelOptions != 0 {
		return errorf("Tunnel options conflict with forward method")
	}
	t := d.Tunnel.Type
	return tunnelTypes[t].check(c.Options&tunnelOptions|kept, t, "tunnel type")
}

// inheritPort sets the port of the server to that of its service, unless hasPort
// is set.
func (c *Command) inheritPort(hasPort bool) {
	if d := &c.Destination; !hasPort {
		d.AddrPort = netip.AddrPortFrom(d.AddrPort.Addr(), c.Service.AddrPort.Port())
	}
}

// validateListing checks the options of -L that cannot be combined, or that
// require another.
func (c *Command) validateListing() *Error {
	if given := c.Options & connectionOptions; given != 0 && !c.Options.Has(Connection) {
		return errorf("--%s requires -c", Option(bits.TrailingZeros64(uint64(given))))
	}
	if c.Options.Has(VIP) && c.Options.Has(ServiceAddress) {
		return errorf("--vip cannot be combined with a service, which has a virtual address")
	}
	if c.Options.Has(Metrics) && c.Options.HasAny(JSON, Watch, Connection, Timeout, Daemon) {
		return errorf("options conflicts in the list command")
	}
	listsServices := c.Options.HasAny(Stats, Rate, Thresholds, Top)
	listsSettings := c.Options.HasAny(Timeout, Daemon)
	if listsServices && (listsSettings || c.Options.Has(Connection)) || listsSettings && c.Options.HasAny(PersistentConn, Watch, Server) {
		return errorf("options conflicts in the list command")
	}
	if c.Options.Has(Connection) && c.Options.Has(ServiceAddress) {
		return c.selectService()
	}
	return nil
}

// selectService makes -L -c list only the connections of the service.
func (c *Command) selectService() *Error {
	s := &c.Service
	if s.Mark != 0 {
		return errorf("-c takes no firewall mark, because the connection table has none")
	}
	c.Filter.Protocol, c.Filter.VIP = s.Protocol, s.AddrPort
	return nil
}
