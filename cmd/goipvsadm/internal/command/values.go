package command

import (
	"math"
	"net/netip"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/names"
	"goipvsadm/ipvs"
	"goipvsadm/sched"
)

// The readers of values: each puts what a flag's value says into the command,
// or says what is wrong with it.

const (
	maxTimeout   = 2678400 // 31 days, in seconds
	engineMax    = 16      // bytes of a persistence engine's name
	interfaceMax = 15      // bytes of an interface's name
)

// number reads a number from low to high. what is its name in the message.
func number[T uint8 | uint16 | uint32](what string, low, high int64, field func(*Command) *T) func(*Parser, string) *Error {
	return func(p *Parser, value string) *Error {
		n, ok := names.Number(value, low, high)
		if !ok {
			return mistake("illegal %s specified", what)
		}
		*field(p.cmd) = T(n)
		return nil
	}
}

func serviceAddress(protocol ipvs.Protocol) func(*Parser, string) *Error {
	return func(p *Parser, value string) *Error {
		ap, _, ok := p.names.AddrPort(value, protocol)
		if !ok {
			return mistake("illegal virtual server address[:port] specified")
		}
		p.cmd.Service.ServiceKey = ipvs.AddrKey(protocol, ap)
		return nil
	}
}

func (p *Parser) mark(value string) *Error {
	n, ok := names.Number(value, 1, 1<<32-1)
	if !ok {
		return mistake("invalid fwmark value `%s' specified", value)
	}
	p.cmd.Service.ServiceKey = ipvs.MarkKey(uint32(n), ipvs.IPv4)
	return nil
}

func (p *Parser) ipv6(string) *Error {
	if p.cmd.Service.Mark == 0 {
		return mistake("-6 used before -f\n")
	}
	p.cmd.Service.Family = ipvs.IPv6
	return nil
}

func (p *Parser) scheduler(value string) *Error {
	if value != "" {
		p.cmd.Service.Scheduler = cut(value, sched.NameMax)
	}
	return nil
}

func (p *Parser) persistent(value string) *Error {
	n, err := seconds(value, 1)
	p.cmd.Service.Flags |= ipvs.Persistent
	p.cmd.Service.Timeout = n
	return err
}

// seconds reads a time of at least low.
func seconds(value string, low int64) (uint32, *Error) {
	n, ok := names.Number(value, low, maxTimeout)
	if !ok {
		return 0, mistake("invalid timeout value `%s' specified", value)
	}
	return uint32(n), nil
}

// netmask reads a mask for the service's family, IPv4 while there is no
// service. settle looks at it again when there is one.
func (p *Parser) netmask(value string) *Error {
	p.mask = value
	s := &p.cmd.Service
	if s.Family == ipvs.IPv6 {
		// As atoi(3) does, which looks at no more than 32 bits.
		n, ok := names.Number(numberPrefix(value), math.MinInt64, math.MaxInt64)
		length := int32(n)
		if !ok || length < 1 || length > 128 {
			return mistake("illegal ipv6 netmask specified")
		}
		s.Netmask = uint32(length)
		return nil
	}
	mask, ok := p.names.Host(value)
	if !ok {
		return mistake("illegal virtual server persistent mask specified")
	}
	for _, b := range mask.As4() {
		s.Netmask = s.Netmask<<8 | uint32(b)
	}
	return nil
}

// numberPrefix returns value up to what is no part of a number: the prefix
// length is the one number that may have something behind it.
func numberPrefix(value string) string {
	digits := strings.TrimLeft(value, " \t\n\v\f\r")
	if digits != "" && (digits[0] == '+' || digits[0] == '-') {
		digits = digits[1:]
	}
	return value[:len(value)-len(strings.TrimLeft(digits, "0123456789"))]
}

func (p *Parser) onePacket(string) *Error {
	p.cmd.Service.Flags |= ipvs.OnePacket
	return nil
}

func (p *Parser) engine(value string) *Error {
	p.cmd.Service.Engine = cut(value, engineMax)
	return nil
}

// schedFlags keeps the value: it is checked last, by the scheduler that a
// later -s may name.
func (p *Parser) schedFlags(value string) *Error {
	p.flagNames = value
	return nil
}

// realServer reads a server's address. The service says which names of ports
// there are; before there is one any will do, until settle.
func (p *Parser) realServer(value string) *Error {
	p.server = value
	protocol := portNames(&p.cmd.Service)
	if protocol == 0 {
		protocol = names.AnyProtocol
	}
	return p.serverAddress(protocol)
}

func (p *Parser) serverAddress(protocol ipvs.Protocol) *Error {
	var ok bool
	p.portNames = protocol
	p.cmd.Destination.AddrPort, p.hasPort, ok = p.names.AddrPort(p.server, protocol)
	if !ok {
		return mistake("illegal real server address[:port] specified")
	}
	return nil
}

// portNames returns the protocol whose names of ports the servers of s have:
// for a mark, TCP's; for no service, none.
func portNames(s *ipvs.Service) ipvs.Protocol {
	if s.Mark != 0 {
		return ipvs.TCP
	}
	return s.Protocol
}

func method(m ipvs.ForwardingMethod) func(*Parser, string) *Error {
	return func(p *Parser, _ string) *Error {
		p.cmd.Destination.Method = m
		return nil
	}
}

func (p *Parser) tunnelType(value string) *Error {
	for _, t := range []ipvs.TunnelType{ipvs.IPIP, ipvs.GUE, ipvs.GRE} {
		if value == t.String() {
			p.cmd.Destination.Tunnel.Type = t
			return nil
		}
	}
	return mistake("illegal tunnel type specified")
}

func tunnelFlag(f ipvs.TunnelFlags) func(*Parser, string) *Error {
	return func(p *Parser, _ string) *Error {
		p.cmd.Destination.Tunnel.Flags |= f
		return nil
	}
}

func daemonState(illegal string) func(*Parser, string) *Error {
	return func(p *Parser, value string) *Error {
		for _, s := range []ipvs.DaemonState{ipvs.Master, ipvs.Backup} {
			if value == s.String() {
				p.cmd.Daemon.State = s
				return nil
			}
		}
		return mistake("%s", illegal)
	}
}

func (p *Parser) mcastInterface(value string) *Error {
	if value != "" {
		p.cmd.Daemon.Interface = cut(value, interfaceMax)
	}
	return nil
}

// mcastGroup takes an address in the strict form only.
func (p *Parser) mcastGroup(value string) *Error {
	family := ipvs.IPv4
	if strings.Contains(value, ":") {
		family = ipvs.IPv6
	}
	group, err := netip.ParseAddr(value)
	if err != nil || group.Zone() != "" || group.Is4In6() || !group.IsMulticast() {
		return mistake("invalid %s mcast-group `%s'", family, value)
	}
	p.cmd.Daemon.Group = group
	return nil
}

// cut returns at most n bytes of s.
func cut(s string, n int) string {
	return s[:min(n, len(s))]
}

// optional calls read only where the flag has a value.
func optional(read func(*Parser, string) *Error) func(*Parser, string) *Error {
	return func(p *Parser, value string) *Error {
		if value == noValue {
			return nil
		}
		return read(p, value)
	}
}

func (p *Parser) netns(value string) *Error {
	if value == "" {
		return mistake("illegal network namespace specified")
	}
	p.cmd.NetNS = value
	return nil
}

func (p *Parser) drain(value string) *Error {
	n, err := seconds(value, 1)
	p.cmd.Drain = n
	return err
}

func (p *Parser) interval(value string) *Error {
	n, err := seconds(value, 1)
	p.cmd.Interval = n
	return err
}
