// SPDX-License-Identifier: MIT

package tablefmt

import (
	"net/netip"
	"strconv"

	"goipvsadm/ipvs"
	"goipvsadm/sched"
)

// A Namer appends an address and port, numerically or by name. The name of the port
// depends on the protocol p, which is 0 for the servers of a firewall mark.
type Namer interface {
	Append(b []byte, ap netip.AddrPort, p ipvs.Protocol) []byte
}

// A Format selects the columns of a Table.
type Format int

// The formats. If the command line selects several, the first of Stats, Rate,
// Thresholds, PersistentConns and TunnelInfo is used.
const (
	Plain Format = iota
	Stats
	Rate
	Thresholds
	PersistentConns
	TunnelInfo
)

// The widths to which the address of a service or destination is padded and, unless
// it is IPv6, truncated.
const (
	serviceWidth     = 33
	destinationWidth = 28
)

// formats holds the titles of each Format and the functions that append the columns
// after the address. If service is nil, the row of a service shows its configuration
// instead of columns.
var formats = [...]struct {
	title       string
	service     func(b []byte, s *ipvs.Service, exact bool) []byte
	destination func(b []byte, d *ipvs.Destination, exact bool) []byte
}{
	Plain: {
		"Prot LocalAddress:Port Scheduler Flags\n" +
			"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n",
		nil, appendPlainColumns,
	},
	Stats: {
		"Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n" +
			"  -> RemoteAddress:Port\n",
		func(b []byte, s *ipvs.Service, exact bool) []byte { return appendCounters(b, &s.Stats, exact) },
		func(b []byte, d *ipvs.Destination, exact bool) []byte { return appendCounters(b, &d.Stats, exact) },
	},
	Rate: {
		"Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n" +
			"  -> RemoteAddress:Port\n",
		appendServiceRates, appendDestinationRates,
	},
	Thresholds: {
		"Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n" +
			"  -> RemoteAddress:Port\n",
		nil, appendThresholdColumns,
	},
	PersistentConns: {
		"Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn \n" +
			"  -> RemoteAddress:Port\n",
		nil, appendPersistentColumns,
	},
	TunnelInfo: {
		"Prot LocalAddress:Port Scheduler Flags\n" +
			"  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn\n",
		nil, appendTunnelColumns,
	},
}

// A Table formats services and destinations. Call AppendHeader once, then
// AppendService for each service, followed by AppendDestination for each of its
// destinations.
type Table struct {
	Format Format
	Exact  bool // counters are not abbreviated
	Names  Namer
}

// AppendHeader appends the IPVS version and connection table size, unless info is
// nil, and the column titles.
func (t *Table) AppendHeader(b []byte, info *ipvs.Info) []byte {
	if info != nil {
		b = append(b, "IP Virtual Server version "...)
		b = append(b, info.Version.String()...)
		b = append(b, " (size="...)
		b = strconv.AppendUint(b, uint64(info.ConnTableSize), 10)
		b = append(b, ")\n"...)
	}
	return append(b, formats[t.Format].title...)
}

// AppendService appends the row of s.
func (t *Table) AppendService(b []byte, s *ipvs.Service) []byte {
	start := len(b)
	b = t.appendKey(b, &s.ServiceKey)
	if s.Family != ipvs.IPv6 {
		b = b[:min(len(b), start+serviceWidth)]
	}
	if columns := formats[t.Format].service; columns != nil {
		b = columns(pad(b, start, serviceWidth), s, t.Exact)
	} else {
		b = appendConfiguration(b, s)
	}
	return append(b, '\n')
}

func (t *Table) appendKey(b []byte, k *ipvs.ServiceKey) []byte {
	if k.Mark != 0 {
		b = append(b, "FWM  "...)
		b = strconv.AppendUint(b, uint64(k.Mark), 10)
		if k.Family == ipvs.IPv6 {
			b = append(b, " IPv6"...)
		}
		return b
	}
	switch k.Protocol {
	case ipvs.TCP, ipvs.UDP, ipvs.SCTP:
		b = padRight(b, k.Protocol.String(), 5)
	default:
		b = append(b, "?    "...)
	}
	return t.Names.Append(b, k.AddrPort, k.Protocol)
}

// appendConfiguration appends the scheduler, its flags, the persistence settings and
// the one-packet flag.
func appendConfiguration(b []byte, s *ipvs.Service) []byte {
	b = append(b, ' ')
	b = append(b, s.Scheduler...)
	if s.Flags&ipvs.SchedFlags != 0 {
		b = append(b, " ("...)
		b = append(b, sched.FlagNames(s.Scheduler, uint32(s.Flags))...)
		b = append(b, ')')
	}
	if s.Flags&ipvs.Persistent != 0 {
		b = append(b, " persistent "...)
		b = strconv.AppendUint(b, uint64(s.Timeout), 10)
		if s.Netmask != ipvs.HostNetmask(s.Family) {
			b = append(b, " mask "...)
			b = s.Netmask.AppendTo(b, s.Family)
		}
		if s.PEName != "" {
			b = append(b, " pe "...)
			b = append(b, s.PEName...)
		}
	}
	if s.Flags&ipvs.OnePacketScheduling != 0 {
		b = append(b, " ops"...)
	}
	return b
}

// AppendDestination appends the row of d, a destination of s.
func (t *Table) AppendDestination(b []byte, s *ipvs.Service, d *ipvs.Destination) []byte {
	b = append(b, "  -> "...)
	start := len(b)
	b = t.Names.Append(b, d.AddrPort, s.Protocol)
	if d.AddrPort.Addr().Is4() {
		b = b[:min(len(b), start+destinationWidth)]
	}
	b = pad(b, start, destinationWidth)
	return append(formats[t.Format].destination(b, d, t.Exact), '\n')
}
