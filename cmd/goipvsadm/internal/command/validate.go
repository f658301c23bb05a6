package command

import (
	"net/netip"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/ipvs"
	"goipvsadm/sched"
)

// finish checks and completes a command when all its words are read.
func (p *Parser) validate() *Error {
	if err := p.reparseDependent(); err != nil {
		return err
	}
	if p.cmd.Verb == SetTimeouts {
		if err := p.timeouts(); err != nil {
			return err
		}
	}
	if len(p.operands) > 0 {
		return errorf("unexpected argument %s", p.operands[0])
	}
	if err := p.addSchedFlags(); err != nil {
		return err
	}
	verb := verbs[p.cmd.Verb]
	if err := check(&optionMatrix, verb.column, p.cmd.Options, verb.name, "command"); err != nil {
		return err
	}
	switch p.cmd.Verb {
	case AddService, EditService:
		return p.cmd.validateService()
	case AddServer, EditServer:
		return p.cmd.finishServer(p.hasPort)
	case DeleteServer:
		p.cmd.inheritPort(p.hasPort)
	case List:
		return p.cmd.validateListing()
	}
	return nil
}

// settle reads those values again that came before the service on which their
// meaning depends.
func (p *Parser) reparseDependent() *Error {
	given := p.cmd.Options
	s := &p.cmd.Service
	if given.Has(RealServer) && p.portNames == resolve.AnyProtocol {
		if err := p.serverAddress(portNames(s)); err != nil {
			return err
		}
	}
	switch {
	case !given.Has(Netmask):
		s.Netmask = ipvs.FullNetmask(s.Family)
	case s.Family == ipvs.IPv6:
		return p.netmask(p.mask)
	}
	return nil
}

// timeouts takes the three values of --set off the operands.
func (p *Parser) timeouts() *Error {
	if len(p.operands) < 3 {
		return errorf("--set option requires 3 timeout values")
	}
	t := &p.cmd.Timeouts
	for i, field := range []*uint32{&t.TCP, &t.TCPFin, &t.UDP} {
		n, err := seconds(p.operands[i], 0)
		if err != nil {
			return err
		}
		*field = n
	}
	p.operands = p.operands[3:]
	return nil
}

// addSchedFlags reads the list of -b.
func (p *Parser) addSchedFlags() *Error {
	if p.flagNames == "" {
		return nil
	}
	s := &p.cmd.Service
	if strings.Trim(p.flagNames, ",") == "" {
		return errorf("invalid scheduler flag `'")
	}
	for name := range strings.SplitSeq(p.flagNames, ",") {
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

func (c *Command) finishServer(hasPort bool) *Error {
	s, d := &c.Service, &c.Destination
	// Only masquerading can change the port of a packet; for a mark, whose
	// packets may have any port, the server's says nothing.
	c.inheritPort(hasPort && (d.Method == ipvs.Masquerading || s.Mark != 0))
	tunneling := d.Method == ipvs.Tunneling
	if !tunneling && d.AddrPort.Addr().Is4() != (s.Family == ipvs.IPv4) {
		return errorf("Different address family is allowed only for tunneling servers")
	}
	if !tunneling && c.Options.HasAny(TunType, TunPort, TunNoCsum, TunCsum, TunRemCsum) {
		return errorf("Tunnel options conflict with forward method")
	}
	t := d.Tunnel.Type
	return check(&tunnelUses, int(t), c.Options, t.String(), "tunnel type")
}

// portOfService gives the destination the port of its service, unless it has
// one of its own.
func (c *Command) inheritPort(own bool) {
	if d := &c.Destination; !own {
		d.AddrPort = netip.AddrPortFrom(d.AddrPort.Addr(), c.Service.AddrPort.Port())
	}
}

func (c *Command) validateListing() *Error {
	if c.Options.Has(Metrics) && c.Options.HasAny(JSON, Watch, Connection, Timeout, Daemon) {
		return errorf("options conflicts in the list command")
	}
	ofServices := c.Options.HasAny(Stats, Rate, Thresholds, Watch, Top)
	settings := c.Options.HasAny(Timeout, Daemon)
	if ofServices && (settings || c.Options.Has(Connection)) || settings && c.Options.Has(PersistentConn) {
		return errorf("options conflicts in the list command")
	}
	return nil
}
