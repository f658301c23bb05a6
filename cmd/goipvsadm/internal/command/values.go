// SPDX-License-Identifier: MIT

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

// This file has the setters of the flags: each parses the value of a flag and
// stores it in the command.

const (
	maxTimeout       = 2678400 // 31 days, in seconds
	maxEngineNameLen = 16      // longer names of persistence engines are truncated, as by ipvsadm
)

// setNumber sets field to a number from low to high. The error message contains
// name.
func setNumber[T uint8 | uint16 | uint32](value, name string, low, high int64, field *T) *Error {
	n, ok := resolve.Number(value, low, high)
	if !ok {
		return errorf("illegal %s specified", name)
	}
	*field = T(n)
	return nil
}

func (p *Parser) setWeight(value string) *Error {
	return setNumber(value, "weight", 0, math.MaxInt32, &p.cmd.Destination.Weight)
}

func (p *Parser) setUpperThreshold(value string) *Error {
	return setNumber(value, "u_threshold", 0, math.MaxInt32, &p.cmd.Destination.UpperThreshold)
}

func (p *Parser) setLowerThreshold(value string) *Error {
	return setNumber(value, "l_threshold", 0, math.MaxInt32, &p.cmd.Destination.LowerThreshold)
}

func (p *Parser) setTunnelPort(value string) *Error {
	return setNumber(value, "tunnel port", 1, math.MaxUint16, &p.cmd.Destination.Tunnel.Port)
}

func (p *Parser) setSyncID(value string) *Error {
	return setNumber(value, "syncid", 0, math.MaxUint8, &p.cmd.Daemon.SyncID)
}

func (p *Parser) setSyncMaxLen(value string) *Error {
	return setNumber(value, "sync-maxlen", 1, 65507, &p.cmd.Daemon.MaxLen)
}

func (p *Parser) setMcastPort(value string) *Error {
	return setNumber(value, "mcast-port", 1, math.MaxUint16, &p.cmd.Daemon.Port)
}

func (p *Parser) setMcastTTL(value string) *Error {
	return setNumber(value, "mcast-ttl", 1, math.MaxUint8, &p.cmd.Daemon.TTL)
}

func (p *Parser) setTop(value string) *Error {
	return setNumber(value, "number of services", 1, math.MaxInt32, &p.cmd.Top)
}

func (p *Parser) setTCPService(value string) *Error {
	return p.setService(value, ipvs.TCP)
}

func (p *Parser) setUDPService(value string) *Error {
	return p.setService(value, ipvs.UDP)
}

func (p *Parser) setSCTPService(value string) *Error {
	return p.setService(value, ipvs.SCTP)
}

func (p *Parser) setService(value string, protocol ipvs.Protocol) *Error {
	ap, _, ok := p.names.AddrPort(value, protocol)
	if !ok {
		return errorf("illegal virtual server address[:port] specified")
	}
	// Like ipvsadm, treat an IPv4-mapped address as IPv6.
	p.cmd.Service.ServiceKey = ipvs.ServiceKey{Family: ipvs.FamilyOf(ap.Addr()), Protocol: protocol, AddrPort: ap}
	return nil
}

func (p *Parser) setMark(value string) *Error {
	n, ok := resolve.Number(value, 1, 1<<32-1)
	if !ok {
		return errorf("invalid fwmark value `%s' specified", value)
	}
	p.cmd.Service.ServiceKey = ipvs.MarkKey(uint32(n), ipvs.IPv4)
	return nil
}

func (p *Parser) setIPv6(string) *Error {
	if p.cmd.Service.Mark == 0 {
		return errorf("-6 used before -f\n")
	}
	p.cmd.Service.Family = ipvs.IPv6
	return nil
}

func (p *Parser) setScheduler(value string) *Error {
	if value != "" {
		p.cmd.Service.Scheduler = truncate(value, ipvs.MaxNameLen)
	}
	return nil
}

func (p *Parser) setPersistent(value string) *Error {
	n, err := parseSeconds(value, 1)
	p.cmd.Service.Flags |= ipvs.Persistent
	p.cmd.Service.Timeout = n
	return err
}

// parseSeconds parses a time from low to maxTimeout.
func parseSeconds(value string, low int64) (uint32, *Error) {
	n, ok := resolve.Number(value, low, maxTimeout)
	if !ok {
		return 0, errorf("invalid timeout value `%s' specified", value)
	}
	return uint32(n), nil
}

// setNetmask parses a netmask: a prefix length for an IPv6 service, otherwise an
// address. If -M precedes the service, reparseDependent parses the value again.
func (p *Parser) setNetmask(value string) *Error {
	p.netmask = value
	s := &p.cmd.Service
	if s.Family == ipvs.IPv6 {
		// Like ipvsadm, which uses atoi(3), keep the low 32 bits.
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
		s.Netmask = ipvs.ZeroNetmask
	}
	return nil
}

// numberPrefix returns the number at the beginning of value. ipvsadm ignores the
// text after a prefix length, but rejects text after any other number.
func numberPrefix(value string) string {
	digits := strings.TrimLeft(value, " \t\n\v\f\r")
	if digits != "" && (digits[0] == '+' || digits[0] == '-') {
		digits = digits[1:]
	}
	return value[:len(value)-len(strings.TrimLeft(digits, "0123456789"))]
}

func (p *Parser) setOnePacket(string) *Error {
	p.cmd.Service.Flags |= ipvs.OnePacketScheduling
	return nil
}

func (p *Parser) setEngine(value string) *Error {
	p.cmd.Service.PEName = truncate(value, maxEngineNameLen)
	return nil
}

// setSchedFlags defers parsing to parseSchedFlags, since -s may follow -b.
func (p *Parser) setSchedFlags(value string) *Error {
	p.cmd.SchedFlags = value
	return nil
}

// setRealServer parses the address of a server. A port name is looked up by the
// protocol of the service. If -r precedes the service, a port name of any protocol
// is accepted, and reparseDependent parses the value again.
func (p *Parser) setRealServer(value string) *Error {
	p.server = value
	protocol := portProtocol(&p.cmd.Service)
	if protocol == 0 {
		protocol = resolve.AnyProtocol
	}
	return p.parseServer(protocol)
}

// parseServer parses the value of -r. It looks up a port name by protocol.
func (p *Parser) parseServer(protocol ipvs.Protocol) *Error {
	var ok bool
	p.serverProtocol = protocol
	p.cmd.Destination.AddrPort, p.hasServerPort, ok = p.names.AddrPort(p.server, protocol)
	if !ok {
		return errorf("illegal real server address[:port] specified")
	}
	return nil
}

// portProtocol returns the protocol by which the port names of the servers of s
// are looked up: TCP if s is a firewall mark, 0 if s is unset.
func portProtocol(s *ipvs.Service) ipvs.Protocol {
	if s.Mark != 0 {
		return ipvs.TCP
	}
	return s.Protocol
}

func (p *Parser) setDirectRouting(string) *Error {
	return p.setMethod(ipvs.DirectRouting)
}

func (p *Parser) setTunneling(string) *Error {
	return p.setMethod(ipvs.Tunneling)
}

func (p *Parser) setMasquerading(string) *Error {
	return p.setMethod(ipvs.Masquerading)
}

func (p *Parser) setMethod(m ipvs.ForwardingMethod) *Error {
	p.cmd.Destination.Method = m
	return nil
}

func (p *Parser) setTunnelType(value string) *Error {
	for _, t := range []ipvs.TunnelType{ipvs.IPIP, ipvs.GUE, ipvs.GRE} {
		if value == t.String() {
			p.cmd.Destination.Tunnel.Type = t
			return nil
		}
	}
	return errorf("illegal tunnel type specified")
}

func (p *Parser) setTunnelChecksum(string) *Error {
	return p.addTunnelFlag(ipvs.TunnelChecksum)
}

func (p *Parser) setTunnelRemoteChecksum(string) *Error {
	return p.addTunnelFlag(ipvs.TunnelRemoteChecksum)
}

func (p *Parser) addTunnelFlag(f ipvs.TunnelFlags) *Error {
	p.cmd.Destination.Tunnel.Flags |= f
	return nil
}

func (p *Parser) setStartDaemon(value string) *Error {
	return p.setDaemonState(value, "illegal start-daemon parameter specified")
}

func (p *Parser) setStopDaemon(value string) *Error {
	return p.setDaemonState(value, "illegal start_daemon specified")
}

func (p *Parser) setDaemonState(value, message string) *Error {
	for _, s := range []ipvs.DaemonState{ipvs.Master, ipvs.Backup} {
		if value == s.String() {
			p.cmd.Daemon.State = s
			return nil
		}
	}
	return errorf("%s", message)
}

func (p *Parser) setMcastInterface(value string) *Error {
	if value = termsafe.Unquote(value); value != "" {
		p.cmd.Daemon.Interface = truncate(value, ipvs.MaxNameLen)
	}
	return nil
}

// setMcastGroup parses a multicast address. For this flag, ipvsadm accepts neither
// host names nor the short forms of inet_aton(3).
func (p *Parser) setMcastGroup(value string) *Error {
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

// truncate returns the first n bytes of s, or s if it is not longer.
func truncate(s string, n int) string {
	return s[:min(n, len(s))]
}

func (p *Parser) setNetNS(value string) *Error {
	if value == "" {
		return errorf("illegal network namespace specified")
	}
	p.cmd.NetNS = value
	return nil
}

func (p *Parser) setRulesFile(value string) *Error {
	if value == "" {
		return errorf("illegal rules file specified")
	}
	if value != "-" {
		p.cmd.File = value
	}
	return nil
}

// setDrain parses a time limit.
func (p *Parser) setDrain(value string) *Error {
	if value == noValue {
		return nil
	}
	return setTime(&p.cmd.Drain, value, Drain)
}

// parseTime parses a time from one second to maxTimeout: a number of seconds, or a
// number with the unit s, m or h.
func parseTime(value string) (seconds uint32, ok bool) {
	unit := int64(1)
	number := value
	if value != "" {
		if n, ok := map[byte]int64{'s': 1, 'm': 60, 'h': 3600}[value[len(value)-1]]; ok {
			number, unit = value[:len(value)-1], n
		}
	}
	n, ok := resolve.Number(number, 1, maxTimeout/unit)
	return uint32(n * unit), ok
}

// setConfirm parses the time limit for the answer.
func (p *Parser) setConfirm(value string) *Error {
	if value == noValue {
		p.cmd.Confirm = defaultConfirm
		return nil
	}
	return setTime(&p.cmd.Confirm, value, Confirm)
}

// setTime parses the value of an option that is a time.
func setTime(seconds *uint32, value string, option Option) *Error {
	n, ok := parseTime(value)
	if !ok {
		return errorf("invalid value `%s' for --%s: use a time such as 60, 90s, 5m or 1h", value, option)
	}
	*seconds = n
	return nil
}

func (p *Parser) setUndoFile(value string) *Error {
	if value == "" || value == "-" {
		return errorf("invalid value `%s' for --save-undo: use the name of a file", value)
	}
	p.cmd.UndoFile = value
	return nil
}

func (p *Parser) setMetrics(value string) *Error {
	switch value {
	case noValue, "prometheus":
	case "openmetrics":
		p.cmd.OpenMetrics = true
	default:
		return errorf("illegal metrics format specified")
	}
	return nil
}

func (p *Parser) setWatchInterval(value string) *Error {
	if value == noValue {
		return nil
	}
	n, err := parseSeconds(value, 1)
	p.cmd.Interval = n
	return err
}

func (p *Parser) setMonitorInterval(value string) *Error {
	if value == noValue {
		p.cmd.Interval = defaultMonitorInterval
		return nil
	}
	n, ok := resolve.Number(value, 1, maxTimeout)
	if !ok {
		return errorf("invalid value `%s' for --monitor: use a number of seconds from 1 to %d", value, maxTimeout)
	}
	p.cmd.Interval = uint32(n)
	return nil
}
