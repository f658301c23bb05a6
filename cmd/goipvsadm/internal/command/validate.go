package command

import (
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
	if p.cmd.Verb.ReadsFile() && len(p.operands) == 1 {
		p.setFile()
	} else if len(p.operands) > 0 {
		return p.unexpectedOperand()
	}
	if err := p.parseSchedFlags(); err != nil {
		return err
	}
	given := p.cmd.Options &^ (1 << NetNS)
	if err := p.cmd.optionRules().check(given, p.cmd.Verb, "command"); err != nil {
		return err
	}
	switch p.cmd.Verb {
	case AddService, EditService:
		return p.cmd.validateService()
	case AddServer, EditServer:
		return p.cmd.validateServer(p.hasServerPort)
	case DeleteServer:
		p.cmd.inheritPort(p.hasServerPort)
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
	if given.Has(RealServer) && p.serverProtocol == resolve.AnyProtocol {
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

// parseSchedFlags parses the value of -b, a list separated by commas. Empty
// elements are ignored, but a list of only empty elements is an error.
func (p *Parser) parseSchedFlags() *Error {
	if p.schedFlags == "" {
		return nil
	}
	s := &p.cmd.Service
	if strings.Trim(p.schedFlags, ",") == "" {
		return errorf("invalid scheduler flag `'")
	}
	for name := range strings.SplitSeq(p.schedFlags, ",") {
		if name == "" {
			continue
		}
		f, ok := sched.FlagByName(name)
		if !ok {
			return errorf("invalid scheduler flag `%s'", name)
		}
		if !f.AppliesTo(s.Scheduler) {
			return errorf("incompatible scheduler flag `%s'", name)
		}
		s.Flags |= ipvs.ServiceFlags(f.Bit)
	}
	return nil
}

// validateService checks a service to add or edit.
func (c *Command) validateService() *Error {
	s := &c.Service
	if s.Mark == 0 && s.AddrPort.Port() == 0 && !c.Options.Has(Persistent) {
		return errorf("Zero port specified for non-persistent service")
	}
	if c.Options.Has(Ops) && s.Mark == 0 && s.Protocol != ipvs.UDP {
		return errorf("One-Packet Scheduling is only for UDP virtual services")
	}
	return nil
}

// validateServer checks a server to add or edit. hasPort reports whether its
// port was given.
func (c *Command) validateServer(hasPort bool) *Error {
	s, d := &c.Service, &c.Destination
	// Only masquerading can change the port of a packet; with other methods
	// the server has the port of the service. A firewall mark has no port.
	port := d.AddrPort.Port()
	c.inheritPort(hasPort && (d.Method == ipvs.Masquerading || s.Mark != 0))
	if c.IgnoredPort = 0; hasPort && d.AddrPort.Port() != port {
		c.IgnoredPort = port
	}
	tunneling := d.Method == ipvs.Tunneling
	if !tunneling && d.AddrPort.Addr().Is4() != (s.Family == ipvs.IPv4) {
		return errorf("Different address family is allowed only for tunneling servers")
	}
	if !tunneling && c.Options&tunnelOptions != 0 {
		return errorf("Tunnel options conflict with forward method")
	}
	t := d.Tunnel.Type
	return tunnelTypes[t].check(c.Options&tunnelOptions, t, "tunnel type")
}

// inheritPort sets the port of the server to that of its service, unless hasPort
// is set.
func (c *Command) inheritPort(hasPort bool) {
	if d := &c.Destination; !hasPort {
		d.AddrPort = netip.AddrPortFrom(d.AddrPort.Addr(), c.Service.AddrPort.Port())
	}
}

// validateListing checks the options of -L that cannot be combined.
func (c *Command) validateListing() *Error {
	if c.Options.Has(Metrics) && c.Options.HasAny(JSON, Watch, Connection, Timeout, Daemon) {
		return errorf("options conflicts in the list command")
	}
	listsServices := c.Options.HasAny(Stats, Rate, Thresholds, Watch, Top)
	listsSettings := c.Options.HasAny(Timeout, Daemon)
	if listsServices && (listsSettings || c.Options.Has(Connection)) || listsSettings && c.Options.Has(PersistentConn) {
		return errorf("options conflicts in the list command")
	}
	return nil
}
