// SPDX-License-Identifier: MIT

package jsonout

import (
	"net/netip"
	"strings"

	"goipvsadm/cmd/goipvsadm/internal/sampler"
	"goipvsadm/ipvs"
	"goipvsadm/sched"
)

// The JSON form of services and destinations differs from the types of package ipvs in
// that flags are names, and addresses are separate from ports.

// service appends the members of a service except its servers. measured may be nil.
func (b *builder) service(s *ipvs.Service, measured *sampler.Rates) {
	b.serviceConfig(s)
	b.stats(&s.Stats)
	b.measured(measured)
}

// serviceConfig appends the members that -A and -E set.
func (b *builder) serviceConfig(s *ipvs.Service) {
	b.serviceKey(&s.ServiceKey)
	b.string("scheduler", s.Scheduler)
	b.openArray("scheduler_flags")
	if names := sched.FlagNames(s.Scheduler, uint32(s.Flags&ipvs.SchedFlags)); names != "" {
		for name := range strings.SplitSeq(names, ",") {
			b.string("", name)
		}
	}
	b.closeArray()
	b.bool("one_packet", s.Flags&ipvs.OnePacketScheduling != 0)
	b.openObject("persistence")
	b.bool("enabled", s.Flags&ipvs.Persistent != 0)
	b.uint("timeout", uint64(s.Timeout))
	switch {
	case s.Family != ipvs.IPv6:
		b.startValue("netmask")
		*b = append(s.Netmask.AppendTo(append(*b, '"'), s.Family), '"')
	case s.Netmask != 0:
		b.uint("prefix_length", uint64(s.Netmask))
	}
	b.nonempty("engine", s.PEName)
	b.closeObject()
}

// serviceKey appends the members that identify a service.
func (b *builder) serviceKey(k *ipvs.ServiceKey) {
	b.lower("family", k.Family.String())
	if k.Mark != 0 {
		b.uint("mark", uint64(k.Mark))
		return
	}
	b.lower("protocol", k.Protocol.String())
	b.addrPort(k.AddrPort)
}

// serviceObject appends an object that identifies a service.
func (b *builder) serviceObject(k *ipvs.ServiceKey) {
	b.openObject("service")
	b.serviceKey(k)
	b.closeObject()
}

func (b *builder) addrPort(ap netip.AddrPort) {
	b.addr("address", ap.Addr())
	b.uint("port", uint64(ap.Port()))
}

// server appends a server to an array. measured may be nil.
func (b *builder) server(d *ipvs.Destination, measured *sampler.Rates) {
	b.openObject("")
	b.serverConfig(d)
	b.uint("active_connections", uint64(d.ActiveConns))
	b.uint("inactive_connections", uint64(d.InactiveConns))
	b.uint("persistent_connections", uint64(d.PersistentConns))
	b.stats(&d.Stats)
	b.measured(measured)
	b.closeObject()
}

// serverConfig appends the members that -a and -e set.
func (b *builder) serverConfig(d *ipvs.Destination) {
	b.lower("family", ipvs.FamilyOf(d.AddrPort.Addr()).String())
	b.addrPort(d.AddrPort)
	b.lower("forward", d.Method.String())
	// If a tunnel leads to a local address, the kernel replaces its method with Local.
	if d.Method == ipvs.Tunneling || d.Tunnel != (ipvs.Tunnel{}) {
		b.openObject("tunnel")
		b.lower("type", d.Tunnel.Type.String())
		b.uint("port", uint64(d.Tunnel.Port))
		b.strings("flags", TunnelFlags(d.Tunnel.Flags))
		b.closeObject()
	}
	b.uint("weight", uint64(d.Weight))
	b.uint("upper_threshold", uint64(d.UpperThreshold))
	b.uint("lower_threshold", uint64(d.LowerThreshold))
}

func (b *builder) stats(s *ipvs.Stats) {
	b.openObject("stats")
	b.uint("connections", s.Conns)
	b.uint("in_packets", s.InPackets)
	b.uint("out_packets", s.OutPackets)
	b.uint("in_bytes", s.InBytes)
	b.uint("out_bytes", s.OutBytes)
	b.uint("connections_per_second", s.CPS)
	b.uint("in_packets_per_second", s.InPPS)
	b.uint("out_packets_per_second", s.OutPPS)
	b.uint("in_bytes_per_second", s.InBPS)
	b.uint("out_bytes_per_second", s.OutBPS)
	b.closeObject()
}

// measured appends measured rates unless they are nil.
func (b *builder) measured(r *sampler.Rates) {
	if r == nil {
		return
	}
	b.openObject("measured")
	b.float("connections_per_second", r.Conns)
	b.float("in_packets_per_second", r.InPackets)
	b.float("out_packets_per_second", r.OutPackets)
	b.float("in_bytes_per_second", r.InBytes)
	b.float("out_bytes_per_second", r.OutBytes)
	b.closeObject()
}

// TunnelFlags returns the names of f: csum and remcsum, as in the options --tun-csum
// and --tun-remcsum.
func TunnelFlags(f ipvs.TunnelFlags) []string {
	var names []string
	if f&ipvs.TunnelChecksum != 0 {
		names = append(names, "csum")
	}
	if f&ipvs.TunnelRemoteChecksum != 0 {
		names = append(names, "remcsum")
	}
	return names
}
