package command

import (
	"encoding/binary"
	"math"
	"net/netip"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/resolve"
	"goipvsadm/cmd/goipvsadm/internal/termsafe"
	"goipvsadm/ipvs"
)

// The readers of values: each puts what a flag's value says into the command,
// or says what is wrong with it.

const (
	maxTimeout = 2678400 // 31 days, in seconds
	engineMax  = 16      // bytes of a persistence engine's name
)

// number reads a number from low to high. what is its name in the message.
func number[T uint8 | uint16 | uint32](value, what string, low, high int64, field *T) *Error {
	n, ok := resolve.Number(value, low, high)
	if !ok {
		return errorf("illegal %s specified", what)
	}
	*field = T(n)
	return nil
}

func (p *Parser) weight(value string) *Error {
	return number(value, "weight", 0, math.MaxInt32, &p.cmd.Destination.Weight)
}

func (p *Parser) upperThreshold(value string) *Error {
	return number(value, "u_threshold", 0, math.MaxInt32, &p.cmd.Destination.UpperThreshold)
}

func (p *Parser) lowerThreshold(value string) *Error {
	return number(value, "l_threshold", 0, math.MaxInt32, &p.cmd.Destination.LowerThreshold)
}

func (p *Parser) tunnelPort(value string) *Error {
	return number(value, "tunnel port", 1, math.MaxUint16, &p.cmd.Destination.Tunnel.Port)
}

func (p *Parser) syncID(value string) *Error {
	return number(value, "syncid", 0, math.MaxUint8, &p.cmd.Daemon.SyncID)
}

func (p *Parser) syncMaxLen(value string) *Error {
	return number(value, "sync-maxlen", 1, 65507, &p.cmd.Daemon.MaxLen)
}

func (p *Parser) mcastPort(value string) *Error {
	return number(value, "mcast-port", 1, math.MaxUint16, &p.cmd.Daemon.Port)
}

func (p *Parser) mcastTTL(value string) *Error {
	return number(value, "mcast-ttl", 1, math.MaxUint8, &p.cmd.Daemon.TTL)
}

func (p *Parser) top(value string) *Error {
	return number(value, "number of services", 1, math.MaxInt32, &p.cmd.Top)
}

func (p *Parser) tcpService(value string) *Error {
	return p.serviceAddress(value, ipvs.TCP)
}

func (p *Parser) udpService(value string) *Error {
	return p.serviceAddress(value, ipvs.UDP)
}

func (p *Parser) sctpService(value string) *Error {
	return p.serviceAddress(value, ipvs.SCTP)
}

func (p *Parser) serviceAddress(value string, protocol ipvs.Protocol) *Error {
	ap, _, ok := p.names.AddrPort(value, protocol)
	if !ok {
		return errorf("illegal virtual server address[:port] specified")
	}
	// An IPv4-mapped address stays what was typed: to ipvsadm it is IPv6.
	p.cmd.Service.ServiceKey = ipvs.ServiceKey{Family: ipvs.FamilyOf(ap.Addr()), Protocol: protocol, AddrPort: ap}
	return nil
}

func (p *Parser) mark(value string) *Error {
	n, ok := resolve.Number(value, 1, 1<<32-1)
	if !ok {
		return errorf("invalid fwmark value `%s' specified", value)
	}
	p.cmd.Service.ServiceKey = ipvs.MarkKey(uint32(n), ipvs.IPv4)
	return nil
}

func (p *Parser) ipv6(string) *Error {
	if p.cmd.Service.Mark == 0 {
		return errorf("-6 used before -f\n")
	}
	p.cmd.Service.Family = ipvs.IPv6
	return nil
}

func (p *Parser) scheduler(value string) *Error {
	if value != "" {
		p.cmd.Service.Scheduler = truncate(value, ipvs.MaxNameLen)
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
	n, ok := resolve.Number(value, low, maxTimeout)
	if !ok {
		return 0, errorf("invalid timeout value `%s' specified", value)
	}
	return uint32(n), nil
}

// optionalSeconds reads a time where the flag has a value.
func optionalSeconds(value string, field *uint32) *Error {
	if value == noValue {
		return nil
	}
	n, err := seconds(value, 1)
	*field = n
	return err
}

// netmask reads a mask for the service's family, IPv4 while there is no
// service. settle looks at it again when there is one.
func (p *Parser) netmask(value string) *Error {
	p.mask = value
	s := &p.cmd.Service
	if s.Family == ipvs.IPv6 {
		// As atoi(3) does, which looks at no more than 32 bits.
		n, ok := resolve.Number(numberPrefix(value), math.MinInt64, math.MaxInt64)
		length := int32(n)
		if !ok || length < 1 || length > 128 {
			return errorf("illegal ipv6 netmask specified")
		}
		s.Netmask = ipvs.Netmask(length)
		return nil
	}
	mask, ok := p.names.Host(value)
	if !ok {
		return errorf("illegal virtual server persistent mask specified")
	}
	bits := mask.As4()
	s.Netmask = ipvs.Netmask(binary.BigEndian.Uint32(bits[:]))
	if s.Netmask == 0 {
		s.Netmask = ipvs.AllClients
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
	p.cmd.Service.Engine = truncate(value, engineMax)
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
		protocol = resolve.AnyProtocol
	}
	return p.serverAddress(protocol)
}

func (p *Parser) serverAddress(protocol ipvs.Protocol) *Error {
	var ok bool
	p.portNames = protocol
	p.cmd.Destination.AddrPort, p.hasPort, ok = p.names.AddrPort(p.server, protocol)
	if !ok {
		return errorf("illegal real server address[:port] specified")
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

func (p *Parser) directRouting(string) *Error {
	return p.method(ipvs.DirectRouting)
}

func (p *Parser) tunneling(string) *Error {
	return p.method(ipvs.Tunneling)
}

func (p *Parser) masquerading(string) *Error {
	return p.method(ipvs.Masquerading)
}

func (p *Parser) method(m ipvs.ForwardingMethod) *Error {
	p.cmd.Destination.Method = m
	return nil
}

func (p *Parser) tunnelType(value string) *Error {
	for _, t := range []ipvs.TunnelType{ipvs.IPIP, ipvs.GUE, ipvs.GRE} {
		if value == t.String() {
			p.cmd.Destination.Tunnel.Type = t
			return nil
		}
	}
	return errorf("illegal tunnel type specified")
}

func (p *Parser) tunnelChecksum(string) *Error {
	return p.tunnelFlag(ipvs.TunnelChecksum)
}

func (p *Parser) tunnelRemoteChecksum(string) *Error {
	return p.tunnelFlag(ipvs.TunnelRemoteChecksum)
}

func (p *Parser) tunnelFlag(f ipvs.TunnelFlags) *Error {
	p.cmd.Destination.Tunnel.Flags |= f
	return nil
}

func (p *Parser) startDaemon(value string) *Error {
	return p.daemonState(value, "illegal start-daemon parameter specified")
}

func (p *Parser) stopDaemon(value string) *Error {
	return p.daemonState(value, "illegal start_daemon specified")
}

func (p *Parser) daemonState(value, illegal string) *Error {
	for _, s := range []ipvs.DaemonState{ipvs.Master, ipvs.Backup} {
		if value == s.String() {
			p.cmd.Daemon.State = s
			return nil
		}
	}
	return errorf("%s", illegal)
}

func (p *Parser) mcastInterface(value string) *Error {
	if value = termsafe.Unquote(value); value != "" {
		p.cmd.Daemon.Interface = truncate(value, ipvs.MaxNameLen)
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
		return errorf("invalid %s mcast-group `%s'", family, value)
	}
	p.cmd.Daemon.Group = group
	return nil
}

// cut returns at most n bytes of s.
func truncate(s string, n int) string {
	return s[:min(n, len(s))]
}

func (p *Parser) netns(value string) *Error {
	if value == "" {
		return errorf("illegal network namespace specified")
	}
	p.cmd.NetNS = value
	return nil
}

func (p *Parser) drain(value string) *Error {
	return optionalSeconds(value, &p.cmd.Drain)
}

func (p *Parser) metrics(value string) *Error {
	switch value {
	case noValue, "prometheus":
	case "openmetrics":
		p.cmd.OpenMetrics = true
	default:
		return errorf("illegal metrics format specified")
	}
	return nil
}

func (p *Parser) interval(value string) *Error {
	return optionalSeconds(value, &p.cmd.Interval)
}
